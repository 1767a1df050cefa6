/// The layout of the agent's state directory.
///
/// ```
/// <state dir>/            0700
///     identity.json       id, name, control plane and credential; 0600
///     ca.pem              the trust anchor kept at enrolment
///     retired.json        present once the control plane retired the agent
///     status.json         what `certctl-agent status` shows
///     agent.lock          held by the one running agent
///     claims/             deployments in hand
///     spool/              terminal reports that await acknowledgement
///     deploy/ backups/ locks/   of the deploy primitive
/// ```
struct StateDirectory: Sendable {
    static let trustAnchorName = "ca.pem"
    /// The anchor of an enrolment under way.
    static let stagedAnchorName = "ca.new.pem"

    let folder: DurableFolder

    var path: String { folder.directory }
    var identity: IdentityStore { IdentityStore(folder: folder) }
    var retirement: RetirementMarker { RetirementMarker(folder: folder) }
    var status: StatusFile { StatusFile(folder: folder) }
    var claims: ClaimLedger { ClaimLedger(folder: folder.folder("claims")) }
    var spool: ReportSpool { ReportSpool(folder: folder.folder("spool")) }
    var trustAnchorPath: String { folder.path(of: Self.trustAnchorName) }
    var lockPath: String { folder.path(of: "agent.lock") }

    /// Creates the directories or tightens them to their owner.
    func prepare() throws {
        try folder.prepare()
        try claims.prepare()
        try spool.prepare()
    }

    /// Removes what interrupted writes left behind. Only the process that holds the state lock may call this.
    func removeTemporaries() throws {
        for folder in [folder, claims.folder, spool.folder] { try folder.removeTemporaries() }
    }
}
