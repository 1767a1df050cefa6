import ArgumentParser
import Encoding
import HostEffects

/// `certs csr ID FILE`.
struct SubmitCSRCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "csr",
        abstract: "Issue from a certification request made elsewhere."
    )

    @Argument(help: "Identifier of the certificate.") var id: String
    @Argument(help: "PEM file with the request; - for standard input.") var file: String
    @Option(help: ArgumentHelp("File for the certificate chain.", valueName: "path")) var out: String?
    @OptionGroup var waiting: WaitOption
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let submission = CSRSubmission(session: session, certificate: try APIPath.checked(id))
        let version = try await submission.submit(try RequestBody.text(at: file, session), waitingFor: waiting.limit)
        if let out, let chain = version["pem_chain"]?.stringValue {
            try IssuedFiles.replace(out, with: Array(chain.utf8), mode: 0o644, session.environment)
            session.progress("wrote \(out)")
        }
        session.console.output(try session.renderer.item(version, details: VersionsCommand.columns))
    }
}

/// Hands in a request and returns the version that came of it.
struct CSRSubmission {
    let session: Session
    let certificate: String

    /// Submits; an issuer that answers later is waited for up to `limit`, and `nil` returns its job instead.
    func submit(_ csr: String, waitingFor limit: Duration?) async throws(CLIFailure) -> JSONValue {
        let path = APIPath(["certificates", certificate, "csr"])
        let answer = try await session.client.call("POST", path, body: ["csr_pem": .string(csr)])
        let body = try answer.json()
        guard answer.status == 202 else { return body }
        guard let limit, let job = body["job_id"]?.stringValue else { return body }
        session.progress("the issuer answers later")
        let ended = try await JobWatcher(session: session, limit: limit).wait(for: [job])
        guard let version = ended.first?["version_id"]?.stringValue else {
            throw .malformedAnswer("job \(job) completed without naming the version that it issued")
        }
        return try await session.client.call("GET", APIPath(["certificates", certificate, "versions", version])).json()
    }
}
