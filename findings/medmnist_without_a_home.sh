#!/usr/bin/env bash
# medmnist 3.0.2, imported by a user who has no home folder (an unknown user in a container, HOME unset):
# its info.py takes the unexpanded "~/.medmnist" for a path and makes a folder named "~" where the program runs.
# Nothing is said, and data sets are then looked for, and kept, in that folder.
# Expected: an error, or a folder that is named after nothing special.
# Seen: "made: ~/.medmnist". Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 777 "$folder"
python3 -m pip install --quiet --no-deps --target "$folder/site" medmnist==3.0.2
cd "$folder"
seen=$(env -u HOME python3 - <<'EOF'
import os

code = compile(open("site/medmnist/info.py", encoding="utf-8").read(), "info.py", "exec")
if os.getuid() == 0:
    os.setgid(43210)
    os.setuid(43210)  # a number that no user of this machine has
exec(code, {})
print("made:", os.path.join("~", *os.listdir("~")) if os.path.isdir("~") else "nothing")
EOF
)
echo "medmnist 3.0.2: $seen"
[ "$seen" = "made: ~/.medmnist" ]
