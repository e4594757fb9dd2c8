"""Video files: frames, picture types and motion; PyAV and NumPy only."""
