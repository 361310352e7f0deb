"""`deploy completion`: the shell completion script."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli.call import Call
from deployer.core.errors import UsageError

BASH = r"""_deploy() {
    local line words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    # bash cuts words at `:` and `=`; only the word under the cursor is replaced
    COMPREPLY=()
    while IFS=$'\t' read -r line _; do
        [[ -n $line ]] && COMPREPLY+=("$(printf '%q' "$line")")
    done < <(deploy --complete "${words[@]}" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _deploy deploy
"""

ZSH = r"""#compdef deploy
_deploy() {
    local value help
    local -a found
    while IFS=$'\t' read -r value help; do
        [[ -n $value ]] && found+=("${value//:/\\:}:$help")
    done < <(deploy --complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( $#found )); then _describe deploy found; else _files; fi
}
compdef _deploy deploy
"""

FISH = r"""function __deploy_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    deploy --complete $words[2..-1] "$last" 2>/dev/null
end
complete -c deploy -a '(__deploy_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def completion(
    ctx: typer.Context, shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]
) -> None:
    """Print the completion script for your shell.

    bash: add `source <(deploy completion bash)` to ~/.bashrc. zsh: `source <(deploy completion zsh)` in ~/.zshrc.
    fish: `deploy completion fish > ~/.config/fish/completions/deploy.fish`.
    """
    call: Call = ctx.obj
    if shell not in SCRIPTS:
        raise UsageError(f"there is no completion for {shell!r}", hint=f"there is one for {', '.join(SCRIPTS)}")
    call.screen.answer({"script": SCRIPTS[shell]}, SCRIPTS[shell].splitlines())
