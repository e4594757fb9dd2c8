"""Methods side by side on a video, in a browser: the work, and a page around it."""
