import Testing

/// Help as people see it: changed on purpose only, and read as a diff.
@Suite("front ends §1.4: help texts")
struct GoldenHelpTests {
    static let texts: [([String], String)] = [
        (
            [],
            """
            OVERVIEW: Operate a certctl server.

            Global options may stand anywhere on the line.

            USAGE: certctl-cli <subcommand>

            OPTIONS:
              -h, --help              Show help information.

            SUBCOMMANDS:
              setup                   Make the first administrator with the server's
                                      one-time token and store its key.
              status                  Health, readiness and figures of the server; exit 1
                                      when it is not ready.
              certs                   Certificates: list, issue, renew, deploy, revoke,
                                      archive.
              import                  Bring certificates that exist already under
                                      management.
              jobs                    Jobs: list, watch, cancel, retry, approve, reject.
              approvals               Requests that wait for a second person: list, show,
                                      approve, reject, withdraw.
              operations              Work on many objects at once: list, show, cancel.
              agents                  Agents: list, retire, credentials.
              enrollment-tokens, tokens
                                      Tokens with which agents enrol themselves.
              targets                 Consumers that agents deploy certificates to.
              issuers                 Certification authorities.
              intermediates           CAs of issuers that are trees: roots, intermediates,
                                      issuing CAs.
              profiles                Rules for keys, names and validity of certificates.
              renewal-policies        When certificates are renewed.
              owners                  People responsible for certificates.
              teams                   Teams that share responsibility for certificates.
              audit                   The audit trail.
              auth                    Who you are, what you may do, roles, API keys, people
                                      and their sessions.
              keys                    API keys and their roles.
              contexts                Servers that you have credentials for.
              admin                   The server's inner workings.
              metrics                 Figures of the installation.
              version                 Version of this program and of the server.
              acme                    The ACME server: accounts, orders, keys for external
                                      account bindings.
              crypto                  Cryptography in use.
              api                     Call any operation of the API with your credential.
              completion              Print a completion script for bash, zsh or fish.

              See 'certctl-cli help <subcommand>' for detailed help.
            """
        ),
        (
            ["certs"],
            """
            OVERVIEW: Certificates: list, issue, renew, deploy, revoke, archive.

            USAGE: certctl-cli certs <subcommand>

            OPTIONS:
              -h, --help              Show help information.

            SUBCOMMANDS:
              list                    List certificates.
              get                     Show one certificate.
              create                  Create a certificate.
              issue                   Issue a certificate; with --save the key is generated
                                      here and never leaves this host.
              update                  Change members of a certificate; the others stay.
              archive                 Take a certificate out of management; its record
                                      stays.
              unarchive               Bring an archived certificate back under management.
              renew                   Renew a certificate now.
              deploy                  Deploy the current version to the attached targets.
              versions                List the issued versions, or show one with its chain.
              targets                 List the targets that a certificate is deployed to.
              attach                  Attach a target; certs deploy then deploys to it.
              detach                  Detach a target; what was deployed stays there.
              csr                     Issue from a certification request made elsewhere.
              revoke                  Revoke a certificate, by identifier, by serial number
                                      or by key.
              release                 End the hold of a certificate.
              bulk-revoke             Revoke every certificate that meets all of the
                                      criteria.
              export                  Write a certificate with its chain as PEM, DER,
                                      PKCS#7, PKCS#12 or JKS.
              revocations             List what is revoked, newest first.
              retry-revocation        Tell the issuer of a revocation again, at once.

              See 'certctl-cli help certs <subcommand>' for detailed help.
            """
        ),
    ]

    @Test(
        "nouns have their article, options the names of the members",
        arguments: [
            (["issuers"], "Create an issuer."), (["owners"], "Delete an owner."), (["teams"], "Create a team."),
            (["profiles", "create"], "--allowed-ekus "),
        ])
    func words(arguments: [String], expected: String) async {
        let outcome = await CLIStage().run(arguments + ["--help"])
        #expect(outcome.output.contains(expected), "\(outcome.output)")
    }

    @Test("the help of the program and of its largest group", arguments: texts)
    func help(arguments: [String], expected: String) async {
        let outcome = await CLIStage().run(arguments + ["--help"])
        #expect(outcome.code == 0)
        #expect(outcome.output.split(separator: "\n") == expected.split(separator: "\n"))
    }
}
