"""The synthetic driving scene, and clips of single images; nothing to download."""
