import os, paramiko
cfg = paramiko.SSHConfig.from_path(os.path.expanduser('~/.ssh/config'))
print(cfg.lookup('nas'))
