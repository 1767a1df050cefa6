import ArgumentParser
import Crypto
import Encoding
import FoundationEssentials
import MigrationLint
import ServerRuntime

/// `certctl db lint [DIR]`.
struct DBLint: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint",
        abstract: "Check that every migration can run again, locks no large table for long, and has its down file.",
        discussion: """
            Without DIR, checks the migrations inside this program. DIR holds postgres/ and sqlite/, or the files of one \
            engine. Needs no database. Exits 0 when nothing is found, 1 when something is, 2 for a wrong call, 66 when DIR \
            cannot be read.
            """
    )

    private static let usage = ExitCode(2)
    /// `EX_NOINPUT` and `EX_CANTCREAT` of sysexits.h.
    private static let noInput = ExitCode(66)
    private static let noOutput = ExitCode(73)

    @Argument(help: "The directory of the migrations.") var directory: String?
    @Option(help: "The engine of DIR's own files: sqlite or postgres.") var engine: String?
    @Option(help: "text or json.") var format = "text"
    @Flag(help: "Add the files of DIR to its released.txt, after which none of them may change.") var release = false

    func run() throws {
        guard ["text", "json"].contains(format) else { throw Self.wrong("--format takes text or json") }
        let source = try source()
        let report = LadderLint.check(source.files, released: source.released)
        StandardOutput.write(format == "json" ? report.json.text : report.text)
        guard report.isClean else { throw ExitCode.failure }
        if release { try record(source.files) }
    }

    // MARK: - Files

    private func source() throws -> (files: [LintFile], released: String) {
        guard let directory else {
            guard engine == nil, !release else { throw Self.wrong("--engine and --release need DIR") }
            let files = try ShippedMigration.all().compactMap { file in
                SQLDialect(rawValue: file.engine).map { Self.file($0, file.fileName, Array(file.text.utf8)) }
            }
            return (files, "")
        }
        let dialect = try engine.map { name in
            guard let dialect = SQLDialect(rawValue: name) else {
                throw Self.wrong("--engine takes sqlite or postgres")
            }
            return dialect
        }
        let names = try Self.listing(directory)
        let engines = SQLDialect.allCases.filter { names.contains($0.rawValue) && (dialect == nil || $0 == dialect) }
        let released =
            try names.contains(ReleasedFiles.fileName)
            ? String(decoding: Self.octets(directory + "/" + ReleasedFiles.fileName), as: UTF8.self) : ""
        if !engines.isEmpty {
            return (try engines.flatMap { try Self.files(directory + "/" + $0.rawValue, $0) }, released)
        }
        guard let dialect else {
            throw Self.wrong("\(directory) has neither postgres/ nor sqlite/; say --engine for the files in it")
        }
        return (try Self.files(directory, dialect), released)
    }

    private static func files(_ directory: String, _ dialect: SQLDialect) throws -> [LintFile] {
        try listing(directory).filter { $0.hasSuffix(".sql") }.sorted().map { name in
            file(dialect, name, try octets(directory + "/" + name))
        }
    }

    private static func file(_ dialect: SQLDialect, _ name: String, _ octets: [UInt8]) -> LintFile {
        LintFile(
            dialect: dialect, name: name, text: String(decoding: octets, as: UTF8.self),
            sha256: Hex.encode(Array(SHA256.hash(data: octets))))
    }

    private static func listing(_ directory: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw unreadable(directory)
        }
    }

    private static func octets(_ path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else { throw unreadable(path) }
        return Array(data)
    }

    private func record(_ files: [LintFile]) throws {
        guard let directory else { return }
        let path = directory + "/" + ReleasedFiles.fileName
        do {
            try ReleasedFiles.text(files).write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            StandardError.write("error: \(path) cannot be written")
            throw Self.noOutput
        }
        StandardOutput.write("\(path) names \(files.filter { !$0.text.isEmpty }.count) files as released")
    }

    // MARK: - Refusals

    private static func wrong(_ message: String) -> ExitCode {
        StandardError.write("error: \(message)")
        return usage
    }

    private static func unreadable(_ path: String) -> ExitCode {
        StandardError.write("error: \(path) cannot be read")
        return noInput
    }
}
