"""Scripts become sound: who speaks (`library`, `casting`), how (`prosody`), where (`surroundings`), and whether it can
be understood (`check`); `speak` is the step that does it all.
"""
