import Domain
import EmbeddedCA
import PKI
import Synchronization

/// Sessions that are open and logged in, kept for the next call.
///
/// Blocks: used on the threads of a ``SigningExecutor``, so there are never more sessions with a token than threads.
final class TokenSessionPool: Sendable {
    private struct State {
        var idle: [UInt: [TokenSession]] = [:]
        var slots: [PKCS11Token: UInt] = [:]
        /// PINs that a token refused. Tokens lock themselves after a few wrong ones, so none is tried twice.
        var refused: [String: Secret] = [:]
    }

    private let state = Mutex(State())

    /// Runs `body` with a session. When session, login or token are gone, everything is opened again and `body` runs once
    /// more; when that does not help, the module itself is started anew, which is when some look for their tokens.
    func attempt<Success>(
        on token: PKCS11Token, of module: TokenModule, pin: @Sendable () -> Secret?,
        _ body: (TokenSession) throws(TokenFault) -> Success
    ) throws(SignerError) -> Success {
        var attempt = 0
        while true {
            attempt += 1
            let epoch = module.epoch
            do throws(TokenFault) {
                return try module.use { cryptoki throws(TokenFault) in
                    let session = try session(on: token, cryptoki, module.epoch, pin)
                    do throws(TokenFault) {
                        let result = try body(session)
                        giveBack(session)
                        return result
                    } catch {
                        session.close()
                        throw error
                    }
                }
            } catch {
                guard error.isStale, attempt < 3 else { throw error.signerError }
                forget(of: module)
                if attempt == 2, !module.startAgain(after: epoch) { throw error.signerError }
            }
        }
    }

    private func session(
        on token: PKCS11Token, _ cryptoki: Cryptoki, _ epoch: Int, _ pin: () -> Secret?
    ) throws(TokenFault) -> TokenSession {
        let known = state.withLock { state -> (slot: UInt?, session: TokenSession?) in
            guard let slot = state.slots[token] else { return (nil, nil) }
            return (slot, state.idle[slot]?.popLast())
        }
        if let session = known.session, session.epoch == epoch { return session }
        let (slot, info) = try cryptoki.slot(of: token)
        let session = try TokenSession.open(cryptoki, slot: slot, epoch: epoch)
        do throws(TokenFault) {
            if info.needsLogin { try login(session, token, info, pin()) }
        } catch {
            session.close()
            throw error
        }
        state.withLock { $0.slots[token] = slot }
        return session
    }

    private func login(
        _ session: TokenSession, _ token: PKCS11Token, _ info: TokenDescription, _ pin: Secret?
    ) throws(TokenFault) {
        guard let pin else {
            throw .refused(.permission("\(token) wants a PIN; set CERTCTL_PKCS11_PIN_FILE to a file that holds it"))
        }
        guard info.hasPIN else { throw .refused(.permission("\(token) has no PIN of a user yet; initialise it")) }
        let serial = "\(info.manufacturer)/\(info.serial)/\(info.label)"
        guard !info.isPINLocked else { throw Self.refusal(token, "it is locked after too many wrong ones") }
        if state.withLock({ $0.refused[serial]?.matches(pin) ?? false }) {
            throw Self.refusal(
                token, "it was wrong before and is not tried again, so that the token does not lock itself")
        }
        do throws(TokenFault) {
            try session.login(pin)
        } catch .returned(let code, let call) where (0xA0...0xA4).contains(code) || code == 0x102 {
            state.withLock { $0.refused[serial] = pin }
            throw Self.refusal(token, "\(TokenFault.name(code)) from \(call)")
        } catch {
            throw error
        }
    }

    private static func refusal(_ token: PKCS11Token, _ reason: String) -> TokenFault {
        .refused(
            .permission("\(token) refuses the PIN: \(reason). Correct CERTCTL_PKCS11_PIN_FILE and reload the server"))
    }

    private func giveBack(_ session: TokenSession) {
        state.withLock { $0.idle[session.slot, default: []].append(session) }
    }

    /// Closes what is kept, as far as it still exists.
    private func forget(of module: TokenModule) {
        let sessions = state.withLock { state in
            defer {
                state.idle = [:]
                state.slots = [:]
            }
            return state.idle.values.joined().map { $0 }
        }
        guard !sessions.isEmpty else { return }
        _ = try? module.use { _ throws(TokenFault) in
            let epoch = module.epoch
            for session in sessions where session.epoch == epoch { session.close() }
        }
    }
}
