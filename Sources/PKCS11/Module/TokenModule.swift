import CPKCS11
import PKI
import Synchronization
import Threads

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The functions of a loaded module.
struct Cryptoki: @unchecked Sendable {
    // Proof: the table belongs to a library that is never unloaded, is never written after it was opened, and its
    // functions were told at C_Initialize that several threads call them.
    let functions: UnsafeMutablePointer<ck_function_list>

    /// Turns what a function returns into an error that names it.
    func check(_ code: ck_rv?, _ call: String) throws(TokenFault) {
        guard let code else { throw .returned(0x54, by: call) }
        guard code == 0 else { throw .returned(code, by: call) }
    }
}

/// A PKCS#11 library in this process: opened at its first use, never unloaded, initialised once for all who use it.
///
/// Blocks its callers, which are threads of a ``SigningExecutor`` and nobody else.
package final class TokenModule: Sendable {
    private struct State {
        var cryptoki: Cryptoki?
        var users = 0
        /// Somebody opens or starts the library anew; all others wait.
        var isExclusive = false
        /// Grows with each `C_Initialize`: handles of an earlier one mean nothing.
        var epoch = 0
        var startedAgainAt: ContinuousClock.Instant?
    }

    /// Absolute, from the settings.
    package let path: String
    private let state = Mutex(State())
    /// A module that was started anew is left alone for so long, whoever asks.
    private static let pauseBetweenStarts = Duration.seconds(2)

    package init(path: String) { self.path = path }

    var epoch: Int { state.withLock { $0.epoch } }

    /// Runs `body` while nobody starts the library anew.
    func use<Result>(_ body: (Cryptoki) throws(TokenFault) -> Result) throws(TokenFault) -> Result {
        let cryptoki = try enter()
        defer { state.withLock { $0.users -= 1 } }
        return try body(cryptoki)
    }

    private enum Entry { case ready(Cryptoki), opens, waits }

    private func enter() throws(TokenFault) -> Cryptoki {
        while true {
            let entry = state.withLock { state -> Entry in
                if state.isExclusive { return .waits }
                guard let cryptoki = state.cryptoki else {
                    state.isExclusive = true
                    return .opens
                }
                state.users += 1
                return .ready(cryptoki)
            }
            switch entry {
            case .ready(let cryptoki): return cryptoki
            case .waits: BlockingThread.pause(.milliseconds(1))
            case .opens: try open()
            }
        }
    }

    private func open() throws(TokenFault) {
        defer { state.withLock { $0.isExclusive = false } }
        var functions: UnsafeMutablePointer<ck_function_list>?
        if let reason = certctl_pkcs11_open(path, &functions) {
            defer { free(reason) }
            throw .refused(
                .unsupported("the PKCS#11 module \(path) cannot be loaded: \(String(cString: reason))"))
        }
        guard let functions else { throw .refused(.unsupported("the PKCS#11 module \(path) cannot be loaded")) }
        let cryptoki = Cryptoki(functions: functions)
        try Self.initialize(cryptoki)
        state.withLock { state in
            state.cryptoki = cryptoki
            state.epoch += 1
        }
    }

    /// Another part of this process may have initialised it already (`CKR_CRYPTOKI_ALREADY_INITIALIZED`).
    private static func initialize(_ cryptoki: Cryptoki) throws(TokenFault) {
        let code = certctl_pkcs11_initialize(cryptoki.functions)
        guard code == 0 || code == 0x191 else { throw .returned(code, by: "C_Initialize") }
    }

    /// Finalizes and initialises the library: some look for tokens only then. False when that is not possible now.
    ///
    /// - `epoch`: The one in which the caller failed; when it is over already, somebody else did this.
    func startAgain(after epoch: Int) -> Bool {
        let verdict = state.withLock { state -> Bool? in
            if state.epoch != epoch { return true }
            if state.isExclusive { return false }
            if let last = state.startedAgainAt, .now - last < Self.pauseBetweenStarts { return false }
            state.isExclusive = true
            return nil
        }
        if let verdict { return verdict }
        defer { state.withLock { $0.isExclusive = false } }
        // Whoever hangs in the module keeps it from being started anew: nothing is taken away under a call.
        var patience = 500
        while state.withLock({ $0.users }) > 0 {
            guard patience > 0 else { return false }
            patience -= 1
            BlockingThread.pause(.milliseconds(1))
        }
        guard let cryptoki = state.withLock({ $0.cryptoki }) else { return false }
        _ = cryptoki.functions.pointee.C_Finalize?(nil)
        let isReady = (try? Self.initialize(cryptoki)) != nil
        state.withLock { state in
            state.startedAgainAt = .now
            state.epoch += 1
            // The next use opens it again, and says what is wrong when it still does not start.
            if !isReady { state.cryptoki = nil }
        }
        return isReady
    }
}
