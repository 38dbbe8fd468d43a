# launch.sh FOLDER COMMAND…: what the sandbox needs is opened by who may, before the rights to do so are dropped.
#   3  desktop.py    4  where bwrap tells its status    5  a pipe that is open for writing for as long as the sandbox stands
folder=$1
shift
exec 2>"$folder/errors"
rm -f -- "$folder/alive" && mkfifo -m 600 -- "$folder/alive" || exit 1
exec 3<"$folder/desktop.py" 4>&1 5<>"$folder/alive" 6>&- 7>&- 8>&- 9>&-
exec setsid "$@"
