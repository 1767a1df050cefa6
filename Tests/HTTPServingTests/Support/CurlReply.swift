import Encoding
import Foundation

/// What a foreign client saw.
struct CurlReply: Sendable {
    let exitCode: Int32
    let status: Int
    let version: String
    /// Lower-case names; repeated fields are joined.
    let fields: [String: String]
    let body: String
    let errors: String

    var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }

    static func fetch(port: Int, path: String, _ arguments: [String]) async throws -> CurlReply {
        let url = "https://localhost:\(port)\(path)"
        let result = try await Command.run(
            "/usr/bin/curl", ["-sS", "-k", "-i", "--path-as-is", "-m", "10"] + arguments + [url]
        )
        return CurlReply(result)
    }

    init(_ result: Command.Result) {
        exitCode = result.exitCode
        errors = result.errors
        var text = Substring(result.output.replacingOccurrences(of: "\r\n", with: "\n"))
        var head = Substring()
        repeat {
            let end = text.range(of: "\n\n")
            head = end.map { text[..<$0.lowerBound] } ?? text
            text = end.map { text[$0.upperBound...] } ?? ""
        } while head.contains(" 100")
        let lines = head.split(separator: "\n")
        let words = lines.first.map { $0.split(separator: " ") } ?? []
        version = words.first.map(String.init) ?? ""
        status = words.count > 1 ? Int(words[1]) ?? 0 : 0
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let name = parts[0].lowercased()
            let value = parts[1].trimmingCharacters(in: .whitespaces)
            fields[name] = fields[name].map { "\($0), \(value)" } ?? value
        }
        self.fields = fields
        body = String(text)
    }
}

/// Runs a program of the host, off the cooperative threads.
enum Command {
    struct Result: Sendable {
        let exitCode: Int32
        let octets: [UInt8]
        let errors: String
        var output: String { String(decoding: octets, as: UTF8.self) }
    }

    /// Runs a program to its end, which comes by force after `limit` seconds.
    static func run(
        _ path: String, _ arguments: [String], input: [Chunk] = [], within limit: Double = 12
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Swift.Result { try runBlocking(path, arguments, input, limit) })
            }
        }
    }

    /// Octets to send after a pause.
    struct Chunk: Sendable {
        var pause = 0.0
        let octets: [UInt8]
        init(_ text: String, after pause: Double = 0) {
            octets = Array(text.utf8)
            self.pause = pause
        }

        init(octets: [UInt8]) { self.octets = octets }
    }

    private static func runBlocking(
        _ path: String, _ arguments: [String], _ input: [Chunk], _ limit: Double
    ) throws -> Result {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        let pid = process.processIdentifier
        let watchdog = Thread {
            // Children inherit blocked signals, so only this one is sure to end them.
            Thread.sleep(forTimeInterval: limit)
            if !Thread.current.isCancelled { kill(pid, SIGKILL) }
        }
        watchdog.start()
        defer { watchdog.cancel() }
        for chunk in input {
            Thread.sleep(forTimeInterval: chunk.pause)
            try? stdin.fileHandleForWriting.write(contentsOf: Data(chunk.octets))
        }
        if input.isEmpty { try? stdin.fileHandleForWriting.close() }
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        let errors = stderr.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Result(
            exitCode: process.terminationStatus, octets: Array(output),
            errors: String(decoding: errors, as: UTF8.self)
        )
    }
}

/// Octets over TLS as they are, through `openssl s_client`: what no well-behaved client would send.
enum RawTLS {
    static func exchange(port: Int, _ chunks: [Command.Chunk], options: [String] = []) async throws -> CurlReply {
        CurlReply(
            try await Command.run(
                "/usr/bin/openssl",
                [
                    "s_client", "-quiet", "-ign_eof", "-alpn", "http/1.1", "-connect",
                    "127.0.0.1:\(port)",
                ]
                    + options,
                input: chunks
            )
        )
    }

    /// What comes back until the server closes.
    static func octets(port: Int, protocolName: String, _ octets: [UInt8]) async throws -> [UInt8] {
        try await Command.run(
            "/usr/bin/openssl",
            [
                "s_client", "-quiet", "-ign_eof", "-alpn", protocolName, "-connect",
                "127.0.0.1:\(port)",
            ],
            input: [.init(octets: octets)]
        ).octets
    }
}
