import Foundation
import NIOCore

// Complete ACME orders per second that a server takes: new order, answered challenge, proof, finalize, certificate.
//
//     acme-orders --directory URL [--clients N] [--seconds S] [--warm-up S] [--page-port P]
//
// Each client has an account and an address of 127.0.0.0/8 of its own, orders a certificate for that address (RFC 8738)
// with a key that was never used, proves it by a page (http-01) when the server asks, and begins anew when it has the
// certificate. Pages are served on every address at the page port. The certificate of the server is not verified: the
// counterparts make their own. Orders whose certificate arrived within the measured seconds count.
//
// Prints `orders=… seconds=… rate=… p50_ms=… p99_ms=… every_order=… requests=… nonces_refused=…`; the last three count what
// came before and after the measured seconds too.

/// Opens the accounts, and lets every client order until the time is over.
func order(_ options: Options, by transport: Transport, _ pages: Pages) async throws {
    var clients: [Client] = []
    for number in 0..<options.clients {
        var client = Client(number: number, transport: transport, pages: pages)
        try await client.register(at: options)
        clients.append(client)
    }
    let clock = ContinuousClock()
    let begin = clock.now + .seconds(options.warmUp)
    let end = begin + .seconds(options.seconds)
    try await withThrowingTaskGroup(of: Void.self) { group in
        for client in clients {
            group.addTask {
                var client = client
                while clock.now < end {
                    let started = clock.now
                    try await client.obtain()
                    transport.counts.finished(started, clock.now, within: begin..<end)
                }
            }
        }
        try await group.waitForAll()
    }
}

func run(_ options: Options) async throws -> String {
    let pages = Pages()
    let listener = try await pages.listen(port: options.pagePort)
    let transport = Transport(counts: Counts())
    let outcome: Result<Void, any Error>
    do { outcome = .success(try await order(options, by: transport, pages)) } catch { outcome = .failure(error) }
    try await listener.close().get()
    try await transport.stop()
    try outcome.get()
    return transport.counts.summary(seconds: options.seconds)
}

do { print(try await run(Options(CommandLine.arguments.dropFirst()))) } catch {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(1)
}
