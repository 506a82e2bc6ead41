# Completion of snapctl's command lines in PowerShell: `snapctl completions powershell | Out-String | Invoke-Expression`.

Register-ArgumentCompleter -Native -CommandName snapctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $length = $cursorPosition - $commandAst.Extent.StartOffset
    $program = $commandAst.GetCommandName()
    $previous = $env:SNAPCTL_COMPLETE_LINE
    # In the environment, because an argument does not survive the quoting of all versions.
    $env:SNAPCTL_COMPLETE_LINE = $commandAst.ToString().PadRight($length).Substring(0, $length)
    try {
        $lines = @(& $program __complete powershell 2>$null)
    } catch {
        $lines = @()
    } finally {
        $env:SNAPCTL_COMPLETE_LINE = $previous
    }
    # Without an answer, PowerShell completes files.
    if ($lines.Count -lt 2 -or $lines[0] -ne 'words') { return }
    foreach ($line in $lines[1..($lines.Count - 1)]) {
        $value, $help = $line -split "`t", 2
        if (-not $help) { $help = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
    }
}
