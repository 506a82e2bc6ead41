# Completion of snapctl's command lines in Elvish: `eval (snapctl completions elvish | slurp)` in rc.elv.

use re
use str

set edit:completion:arg-completer[snapctl] = {|@words|
    var lines = [(try { (external $words[0]) __complete elvish $@words 2>/dev/null } catch { nop })]
    if (and (> (count $lines) 0) (eq $lines[0] files)) {
        edit:complete-filename $@words
    } elif (> (count $lines) 1) {
        for line $lines[1..] {
            var value help = (str:split &max=2 "\t" $line)
            # What may go on is not finished.
            var suffix = (if (re:match '[/@:~]$' $value) { put '' } else { put ' ' })
            var shown = (if (eq $help '') { put $value } else { put $value' ('$help')' })
            edit:complex-candidate $value &code-suffix=$suffix &display=$shown
        }
    }
}
