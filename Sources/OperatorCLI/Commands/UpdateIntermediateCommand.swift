import ArgumentParser
import Encoding
import Settings

/// `intermediates update ID`.
struct UpdateIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "update",
        abstract: "Say how long the revocation lists of a CA are good.",
        discussion: """
            A root that signs few CAs publishes lists that are good for months, an issuing CA lists that are good for a day. A \
            revocation makes another list at once, whatever was said; who holds a list looks again when it ends.
            """
    )

    /// A time, or what the issuer says.
    enum Term: ExpressibleByArgument {
        case issuers
        case seconds(Int)

        init?(argument: String) {
            if argument == "default" {
                self = .issuers
            } else if let duration = DurationText.duration(argument), duration.components.attoseconds == 0 {
                self = .seconds(Int(duration.components.seconds))
            } else {
                return nil
            }
        }

        var member: JSONValue {
            switch self {
            case .issuers: .null
            case .seconds(let count): JSONValue(count)
            }
        }
    }

    @Argument(help: "Identifier of the CA.") var id: String
    @Option(help: ArgumentHelp("How long a list is good; default for what the issuer says.", valueName: "duration"))
    var crlValidity: Term?
    @Option(
        help: ArgumentHelp(
            "How often a list is made, at most half of that; default for what the issuer says.", valueName: "duration"))
    var crlInterval: Term?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        guard crlValidity != nil || crlInterval != nil else {
            throw CLIFailure.usage("nothing to change: give --crl-validity or --crl-interval")
        }
        var list = MemberList()
        list.add("crl_validity_seconds", crlValidity?.member)
        list.add("crl_interval_seconds", crlInterval?.member)
        let path = APIPath(["intermediates", try APIPath.checked(id)])
        let answer = try await session.client.call("PATCH", path, body: .object(list.object)).json()
        session.console.output(try session.renderer.item(answer, details: Intermediates.details))
    }
}
