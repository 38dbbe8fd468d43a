# network.sh FOLDER COMMAND…: 6 ends with the sandbox, and the network with it; 7 is told when the network is there.
folder=$1
shift
exec 2>"$folder/network.log" 6<"$folder/alive" 7>&1 >/dev/null
exec setsid "$@"
