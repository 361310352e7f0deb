"""Nothing succeeds in silence: an app that says nowhere how it starts, and formations of nothing."""

NOTHING = "nothing says how this app starts"


def test_an_app_that_says_nowhere_how_it_starts_is_built_and_then_refused_with_the_lines_to_write(deployed, tiny):
    (tiny.folder / "Procfile").unlink()
    tiny.settings("app: tiny\nbuild: {pack: commands}\n")
    built = deployed.run("build")
    assert (built.code, "would run no process" in built.err) == (0, True)
    for command in ("release", "ship", "check"):
        refused = deployed.run(command)
        assert (refused.code, NOTHING in refused.err, "`web: COMMAND`" in refused.err) == (2, True, True), refused.err
    assert deployed.json("releases")["releases"] == []


def test_a_release_command_alone_and_a_formation_of_nothing_are_run_and_said(deployed, tiny):
    tiny.settings("app: tiny\nbuild: {pack: commands}\n")
    tiny.procfile("release: true\n")
    result = deployed.run("ship")
    assert (result.code, "nothing of this release will be running" in result.err) == (0, True), result.err
    tiny.procfile("web: exec python3 server.py\n")
    tiny.settings("app: tiny\nbuild: {pack: commands}\ntargets: {local: {formation: {web: 0}}}\n")
    result = deployed.run("ship")
    assert (result.code, "its formation is all 0" in result.err) == (0, True), result.err
    assert deployed.processes() == {}
