"""Directives of systemd units that have no counterpart, and what to do about each."""

from __future__ import annotations

from typing import Final

from polysync.config.imports.findings import Finding, noted, skipped

_SANDBOX: Final = (
    "AmbientCapabilities AppArmorProfile BindPaths BindReadOnlyPaths CapabilityBoundingSet DeviceAllow DevicePolicy"
    " ExecPaths InaccessiblePaths InaccessibleDirectories IPAddressAllow IPAddressDeny KeyringMode LockPersonality"
    " MemoryDenyWriteExecute MountAPIVFS MountFlags NetworkNamespacePath NoExecPaths NoNewPrivileges PrivateDevices"
    " PrivateIPC PrivateMounts PrivateNetwork PrivatePIDs PrivateTmp PrivateUsers ProcSubset ProtectClock"
    " ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables"
    " ProtectProc ProtectSystem ReadOnlyDirectories ReadOnlyPaths ReadWriteDirectories ReadWritePaths RemoveIPC"
    " RestrictAddressFamilies RestrictFileSystems RestrictNamespaces RestrictNetworkInterfaces RestrictRealtime"
    " RestrictSUIDSGID RootDirectory RootImage SELinuxContext SecureBits SmackProcessLabel SocketBindAllow"
    " SocketBindDeny SystemCallArchitectures SystemCallErrorNumber SystemCallFilter SystemCallLog TemporaryFileSystem"
).split()
_RESOURCES: Final = (
    "AllowedCPUs AllowedMemoryNodes BlockIOWeight CPUAffinity CPUSchedulingPolicy CPUSchedulingPriority CPUShares"
    " CPUWeight CoredumpFilter Delegate IOAccounting IODeviceWeight IOReadBandwidthMax IOReadIOPSMax"
    " IOSchedulingClass IOSchedulingPriority IOWeight IOWriteBandwidthMax IOWriteIOPSMax LimitAS LimitCORE LimitCPU"
    " LimitDATA LimitFSIZE LimitLOCKS LimitMEMLOCK LimitMSGQUEUE LimitNICE LimitNOFILE LimitNPROC LimitRSS"
    " LimitRTPRIO LimitRTTIME LimitSIGPENDING LimitSTACK MemoryHigh MemoryLow MemoryMin MemorySwapMax NUMAPolicy"
    " OOMPolicy OOMScoreAdjust Slice StartupCPUWeight TimerSlackNSec"
).split()
_ACCOUNTING: Final = "CPUAccounting MemoryAccounting TasksAccounting BlockIOAccounting IPAccounting".split()
_FOLDERS: Final = (
    "RuntimeDirectory RuntimeDirectoryMode RuntimeDirectoryPreserve StateDirectory StateDirectoryMode CacheDirectory"
    " CacheDirectoryMode LogsDirectory LogsDirectoryMode ConfigurationDirectory ConfigurationDirectoryMode"
).split()
_CREDENTIALS: Final = (
    "LoadCredential LoadCredentialEncrypted SetCredential SetCredentialEncrypted ImportCredential".split()
)
_JOURNAL: Final = (
    "SyslogIdentifier SyslogFacility SyslogLevel SyslogLevelPrefix LogLevelMax LogExtraFields LogNamespace"
    " LogRateLimitIntervalSec LogRateLimitBurst"
).split()
_ORDER: Final = "After Before Wants Requires Requisite BindsTo PartOf Upholds Conflicts PropagatesReloadTo".split()
_MOMENTS: Final = "ExecStop ExecStopPost ExecReload".split()

_SINGLE: Final = {
    "Documentation": noted("kept in the unit only; put it into description if it is wanted"),
    "OnFailure": skipped(
        'name a notifier in notify_on_failure, or a task that depends on this one with on = "failure"'
    ),
    "OnSuccess": skipped("write a task that depends on this one"),
    "Also": noted("it only concerns systemctl enable"),
    "Alias": noted("a task has one name"),
    "DefaultInstance": noted("it only concerns templates"),
    "RemainAfterExit": noted("a run ends when its processes do; what it achieved is in its history"),
    "PIDFile": noted("not needed, the process itself is followed"),
    "GuessMainPID": noted("not needed, the process itself is followed"),
    "BusName": noted("readiness over D-Bus is not looked at; a health_check can be"),
    "NotifyAccess": noted("readiness messages are not looked at; a health_check can be"),
    "WatchdogSec": skipped("there is no watchdog; a health_check on a service, stale_after on a task do its work"),
    "FinalKillSignal": skipped("the last signal is SIGKILL"),
    "SendSIGKILL": skipped("SIGKILL always follows when graceful_stop is over"),
    "SendSIGHUP": skipped("only the stop signal is sent before SIGKILL"),
    "TimeoutAbortSec": skipped("only graceful_stop counts"),
    "TimeoutStartFailureMode": skipped("a timeout always uses the stop signal"),
    "TimeoutStopFailureMode": skipped("SIGKILL always follows when graceful_stop is over"),
    "StandardInput": skipped("standard input is empty; redirect it in a script"),
    "StandardInputText": skipped("standard input is empty; use a here-document in a script"),
    "StandardInputData": skipped("standard input is empty; use a here-document in a script"),
    "TTYPath": skipped("a run has no terminal"),
    "PassEnvironment": skipped("write the variables into env, with ${env:NAME} for those of the daemon"),
    "UnsetEnvironment": skipped("unset them at the start of a script"),
    "SupplementaryGroups": skipped("the groups of the user count; add the user to them"),
    "PAMName": skipped("no PAM session is opened"),
    "UtmpIdentifier": noted("a run is not entered in utmp"),
    "Sockets": skipped("there is no socket activation; let the program open its own socket"),
    "FileDescriptorStoreMax": skipped("there is no descriptor store"),
    "IgnoreSIGPIPE": noted("SIGPIPE has its default action"),
    "DefaultDependencies": noted("systemd's own ordering does not apply"),
    "StopWhenUnneeded": noted("systemd's own ordering does not apply"),
    "RefuseManualStart": skipped("use api_trigger = false"),
    "RefuseManualStop": skipped("use [access] to say who may stop runs"),
    "CollectMode": noted("old runs are removed as keep_for and keep_runs say"),
    "JoinsNamespaceOf": skipped("there are no namespaces"),
    "RequiresMountsFor": skipped("nothing waits for a mount; test it in a script"),
    "RestartForceExitStatus": skipped("exit codes other than those of success count as failures"),
    "RestartMode": noted("restarts always go through a stop"),
    "RestartKillSignal": skipped("there is one stop signal"),
    "SuccessAction": skipped("the host is never rebooted"),
    "FailureAction": skipped("the host is never rebooted"),
    "StartLimitAction": skipped("the host is never rebooted"),
    "RootDirectoryStartOnly": skipped("there is no sandbox"),
    "PermissionsStartOnly": skipped("every command runs as the task's user"),
    "UpheldBy": noted("it only concerns systemctl enable"),
    "SourcePath": noted("it only concerns systemd"),
}


def _table() -> dict[str, Finding]:
    sandbox = "a sandbox setting, which Polysync does not have; run the program through systemd-run if it matters"
    resources = "not a limit that Polysync sets; set it in a script (ulimit, ionice, chrt) or on the daemon's own unit"
    moments = "nothing runs at stop or reload; trap the stop signal in the program or a script"
    return (
        dict.fromkeys(_SANDBOX, skipped(sandbox))
        | dict.fromkeys(_RESOURCES, skipped(resources))
        | dict.fromkeys(_ACCOUNTING, noted("CPU time and memory of each run are recorded anyway"))
        | dict.fromkeys(_FOLDERS, skipped("no folder is made; create it in a script, or once by hand"))
        | dict.fromkeys(_CREDENTIALS, skipped("read it from a vault: [vaults.NAME] and secrets"))
        | dict.fromkeys(_JOURNAL, noted("output goes to the log of the run, not to the journal"))
        | dict.fromkeys(_ORDER, noted("systemd's ordering does not apply; between services use depends_on"))
        | dict.fromkeys(_MOMENTS, skipped(moments))
        | _SINGLE
    )


REMARKS: Final = _table()


def remark(key: str) -> Finding:
    """What is said about a directive that no rule translates."""
    if key in REMARKS:
        return REMARKS[key]
    if key.startswith(("Condition", "Assert")):
        return skipped("no condition is looked at; test it in a script, with skip_codes for its answer")
    if key.startswith("X-"):
        return noted("systemd ignores it too")
    return skipped("it has no counterpart that is known here")
