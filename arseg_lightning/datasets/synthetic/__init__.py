"""The synthetic driving scene, and clips made of single images; nothing to download."""
