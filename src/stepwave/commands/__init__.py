"""The program `stepwave`: one thin file per command. What they do is in the other rooms."""
