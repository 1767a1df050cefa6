import Domain
import Encoding

/// Deployments that this agent claimed and has not finished, so that a restarted agent resumes them.
///
/// An entry holds the work item as it was delivered, secrets of the target included: the files are 0600 and live no
/// longer than the claim.
struct ClaimLedger: Sendable {
    private static let suffix = ".json"

    let folder: DurableFolder

    func prepare() throws { try folder.prepare() }

    func record(_ job: JobID, item: JSONValue) throws {
        try folder.write(job.text + Self.suffix, octets: item.octets)
    }

    func release(_ job: JobID) throws { try folder.remove(job.text + Self.suffix) }

    /// The work items of all open claims. What is no claim is removed: the control plane offers a job again when its
    /// lease ends.
    func claims() throws -> [(job: JobID, item: JSONValue)] {
        var claims: [(job: JobID, item: JSONValue)] = []
        for name in try folder.names() where name.hasSuffix(Self.suffix) {
            guard let octets = try folder.read(name) else { continue }
            if let job = try? JobID(String(name.dropLast(Self.suffix.count))),
                let item = try? JSONValue(parsing: octets), item["id"]?.stringValue == job.text
            {
                claims.append((job, item))
            } else {
                try folder.remove(name)
            }
        }
        return claims
    }
}
