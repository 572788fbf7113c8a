"""`stepwave evaluate list`."""

import typer


def list_suites() -> None:
    """Show the suites with their checks, and what can be measured."""
    from stepwave.evaluation.catalogue import find_suite, suite_names
    from stepwave.evaluation.subjects.opening import KINDS, OWN

    for suite in map(find_suite, suite_names()):
        typer.echo(f"{suite.name:14}{suite.summary}\n{'':14}{', '.join(check.name for check in suite.checks)}")
    typer.echo(f"\n--model takes {OWN.summary}; or")
    for name, kind in KINDS.items():
        typer.echo(f"  {f'{name}:{kind.target}':24}{kind.summary}")
