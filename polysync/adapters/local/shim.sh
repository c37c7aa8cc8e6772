# The parent of every command: it outlives the daemon and writes down who it is and how the command ended.
# It is handed to /bin/sh as one argument, so that an upgrade never changes a shim that runs, and begins with
# $1 = the signal that stops the command; the rest is what to execute.  fd 9 is the status file, whose lock it
# holds for as long as it lives.
#
# - Handlers, not '': an ignored signal would be ignored by the command too, and for good.
# - fd 8 keeps the command's stderr; the shim's own goes nowhere, or the shell would write "Terminated" into the log.
# - In the foreground: a background command of a shell without job control ignores INT and QUIT.
# - In a subshell: dash redirects a simple command in its own process.
# - The trap of the subshell speaks only where exec failed, and tells that apart from a command that exits with 127.
# - Where the identity cannot be written the command never runs: a run that nobody could find again must not be.
trap : HUP INT QUIT TERM USR1 USR2 ALRM
exec 8>&2 2>/dev/null
read -r s </proc/$$/stat && read -r b </proc/sys/kernel/random/boot_id || exit 125
echo "$s $b $1" >&9 || exit 125
shift
(trap 'echo unexecuted >&9' EXIT; exec "$@" 2>&8 8>&- 9>&-)
s=$?
{ echo $s; times; } >&9
exit $s
