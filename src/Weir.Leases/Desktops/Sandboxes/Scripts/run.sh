# run.sh FOLDER COMMAND…: the command takes the script's place, and says only what went wrong.
shift
exec "$@" 2>&1 >/dev/null
