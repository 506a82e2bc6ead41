# Completion of snapctl's command lines in fish: as `snapctl.fish` in ~/.config/fish/completions.

function __snapctl_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l program $before[1]
    # An alias, or a path with a tilde, is no program.
    command -sq -- $program; or set program snapctl
    set -l lines (command $program __complete fish $before "$current" 2>/dev/null </dev/null)
    if test "$lines[1]" = files
        set -l option (string match -r -- '^--[a-z-]+=' "$current")
        set -l path (string replace -r -- '^--[a-z-]+=' '' "$current")
        printf "$option%s\n" (__fish_complete_path "$path")
    else
        printf '%s\n' $lines[2..]
    end
end

complete --command snapctl --no-files --keep-order --arguments '(__snapctl_complete)'
