/// Why the agent cannot begin, in the words of its configuration.
enum StartError: Error, Hashable, Sendable, CustomStringConvertible {
    case noIdentity
    case noBundle(String)

    var description: String {
        switch self {
        case .noIdentity:
            "this host has no identity: run certctl-agent enroll, set CERTCTL_AGENT_ENROLL_TOKEN, or set both "
                + "CERTCTL_AGENT_ID and CERTCTL_API_KEY"
        case .noBundle(let path): "CERTCTL_SERVER_CA_BUNDLE_PATH names \(path), which does not exist"
        }
    }
}
