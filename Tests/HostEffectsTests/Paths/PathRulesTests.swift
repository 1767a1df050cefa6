import Foundation
import HostEffects
import TestSupport
import Testing

@Suite("Targets §2.3 and §3: which paths a configuration may write")
struct PathRulesTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("paths") }

    @Test(
        "text that is no clean absolute path is refused",
        arguments: [
            "", "relative", "./x", "/a/../b", "/a/./b", "/a//b", "/a/", "/", "/a/..", "~/x", "/a\nb", "/a\u{0}b",
            "/a\u{7F}",
            "C:\\x",
        ])
    func malformed(_ path: String) { #expect(throws: PathViolation.self) { try PathRules.checkText(path) } }

    @Test(
        "system paths are never writable",
        arguments: [
            "/etc/passwd", "/etc/shadow", "/etc/sudoers", "/etc/sudoers.d/x", "/etc/ssh/sshd_config",
            "/root/.ssh/authorized_keys", "/boot/grub/grub.cfg", "/proc/sys/kernel/core_pattern", "/sys/x", "/dev/sda",
        ])
    func systemPaths(_ path: String) {
        #expect(throws: PathViolation.protectedSystemPath(path)) { try PathRules.checkText(path) }
    }

    @Test("ordinary paths pass", arguments: ["/etc/nginx/tls/a.pem", "/etc/passwords/x", "/srv/a b/ü.pem", "/x"])
    func ordinary(_ path: String) throws { try PathRules.checkText(path) }

    private func resolve(_ path: String, allowed: [String]? = nil) throws -> String {
        try PathRules.resolveDestination(path, policy: HostPolicy(allowedPaths: allowed), fileSystem: .live)
    }

    @Test("a prefix of a name is no prefix of a path")
    func allowedPaths() throws {
        let root = directory.url.path
        try FileSystem.live.makePrivateDirectory(root + "/tls")
        try FileSystem.live.makePrivateDirectory(root + "/tls-evil")
        #expect(try resolve(root + "/tls/a", allowed: [root + "/tls"]) == root + "/tls/a")
        #expect(try resolve(root + "/tls/a", allowed: [root + "/tls/"]) == root + "/tls/a")
        #expect(throws: PathViolation.outsideAllowedPaths(root + "/tls-evil/a")) {
            try resolve(root + "/tls-evil/a", allowed: [root + "/tls"])
        }
    }

    @Test("a link in the last component is followed inside the allowed paths and refused beyond them")
    func finalLink() throws {
        let root = directory.url.path
        for name in ["in", "out"] { try FileSystem.live.makePrivateDirectory("\(root)/\(name)") }
        try FileSystem.live.create(root + "/in/real", [1])
        try FileSystem.live.create(root + "/out/real", [1])
        try FileManager.default.createSymbolicLink(atPath: root + "/in/good", withDestinationPath: "real")
        try FileManager.default.createSymbolicLink(atPath: root + "/in/bad", withDestinationPath: "../out/real")
        try FileManager.default.createSymbolicLink(atPath: root + "/in/passwd", withDestinationPath: "/etc/passwd")
        #expect(try resolve(root + "/in/good", allowed: [root + "/in"]) == root + "/in/real")
        #expect(throws: PathViolation.linkLeavesAllowedPaths(root + "/in/bad", destination: root + "/out/real")) {
            try resolve(root + "/in/bad", allowed: [root + "/in"])
        }
        #expect(throws: PathViolation.protectedSystemPath("/etc/passwd")) { try resolve(root + "/in/passwd") }
    }

    @Test("a link in the middle leads nowhere that the policy forbids")
    func linkedDirectory() throws {
        let root = directory.url.path
        for name in ["in", "out"] { try FileSystem.live.makePrivateDirectory("\(root)/\(name)") }
        try FileManager.default.createSymbolicLink(atPath: root + "/in/dir", withDestinationPath: root + "/out")
        #expect(throws: PathViolation.linkLeavesAllowedPaths(root + "/in/dir/a", destination: root + "/out/a")) {
            try resolve(root + "/in/dir/a", allowed: [root + "/in"])
        }
    }

    @Test("a dangling link, a missing directory and a directory in place of the file are refused")
    func unusable() throws {
        let root = directory.url.path
        try FileManager.default.createSymbolicLink(atPath: root + "/dangling", withDestinationPath: root + "/none/x")
        #expect(throws: PathViolation.missingDirectory(root)) { try resolve(root + "/dangling") }
        #expect(throws: PathViolation.missingDirectory(root + "/none")) { try resolve(root + "/none/x") }
        try FileSystem.live.makePrivateDirectory(root + "/dir")
        #expect(throws: PathViolation.notARegularFile(root + "/dir")) { try resolve(root + "/dir") }
    }

    @Test("a directory in which others could swap files is refused", arguments: [0o777, 0o757, 0o1777] as [mode_t])
    func unsafeDirectory(_ mode: mode_t) throws {
        let root = directory.url.path
        try FileSystem.live.makePrivateDirectory(root + "/open")
        chmod(root + "/open", mode)
        #expect(throws: PathViolation.unsafeParentDirectory(root + "/open", finding: "is writable by everybody")) {
            try resolve(root + "/open/a")
        }
    }

    @Test("a directory of another user is refused", .enabled(if: geteuid() == 0))
    func foreignDirectory() throws {
        let root = directory.url.path
        try FileSystem.live.makePrivateDirectory(root + "/theirs")
        try FileSystem.live.changeOwner(root + "/theirs", userID: 65534, groupID: 65534)
        #expect(throws: PathViolation.unsafeParentDirectory(root + "/theirs", finding: "belongs to uid 65534")) {
            try resolve(root + "/theirs/a")
        }
    }
}
