"""How every preparation step runs: in parts that are written whole, resumed, counted, on processes or on Ray.

`steps` says what a step is, `parts` writes the output of a stretch of its work, `run` does all parts and joins them,
`processes` and `ray_data` are the places where parts are worked at. What the steps do is elsewhere.
"""
