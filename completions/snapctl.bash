# Completion of snapctl's command lines in bash 4 or newer: `source <(snapctl completions bash)`.

_snapctl() {
    local program=$1 line
    local -a lines
    COMPREPLY=()
    # An alias, or a path with a tilde, is no program.
    type -P "$program" >/dev/null || program=snapctl
    mapfile -t lines < <("$program" __complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" </dev/null 2>/dev/null)
    if [[ ${lines[0]-} == files ]]; then
        compopt -o default
        return
    fi
    for line in "${lines[@]:1}"; do
        COMPREPLY+=("${line%%$'\t'*}")
    done
    # What may go on is not finished.
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/@:~] ]]; then
        compopt -o nospace
    fi
}

complete -o nosort -F _snapctl snapctl 2>/dev/null || complete -F _snapctl snapctl
