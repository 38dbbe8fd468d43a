# launch.sh FOLDER COMMAND…: what the sandbox needs is opened by who may, before the rights to do so are dropped.
#   3  desktop.py    4  where bwrap tells its status    5  a pipe that is open for writing for as long as the sandbox stands
#   8  the lock that whoever made it and the guard share: free, it tells that both are gone
folder=$1
shift
exec 2>"$folder/errors"
rm -f -- "$folder/alive" && mkfifo -m 600 -- "$folder/alive" || exit 1
# Where memory runs out, desktops are to go before whoever made them; to raise this needs no right.
read -r score </proc/self/oom_score_adj && echo $((score < 800 ? score + 200 : 1000)) >/proc/self/oom_score_adj
exec 3<"$folder/desktop.py" 4>&1 5<>"$folder/alive" 6>&- 7>&- 8<"${folder%/*}/life" 9>&-
exec setsid "$@"
