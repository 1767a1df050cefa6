import CArgon2

/// What one hash costs (RFC 9106 §3.1).
package struct Argon2Cost: Hashable, Sendable {
    package let memoryKiB: Int
    package let passes: Int
    package let lanes: Int

    package init(memoryKiB: Int, passes: Int, lanes: Int) {
        self.memoryKiB = memoryKiB
        self.passes = passes
        self.lanes = lanes
    }

    /// 64 MiB, three passes, four lanes: the second recommended choice of RFC 9106 §4.
    package static let standard = Argon2Cost(memoryKiB: 65_536, passes: 3, lanes: 4)

    /// Whether a stored hash may ask for this much: a damaged row must not exhaust the machine.
    var isBearable: Bool {
        (1...16).contains(lanes) && (1...16).contains(passes) && (8 * lanes...262_144).contains(memoryKiB)
    }
}

/// Argon2id, version 1.3 (RFC 9106).
enum Argon2id {
    /// The library could not: out of memory, or a cost out of range.
    struct Failure: Error { let code: Int32 }

    private static let version: UInt32 = 0x13

    /// Blocks the thread for as long as the cost says. The lanes are computed one after the other, so that one hash
    /// never takes more than one processor.
    static func hash(
        _ password: [UInt8], salt: [UInt8], cost: Argon2Cost, length: Int = 32, secret: [UInt8] = [],
        associatedData: [UInt8] = []
    ) throws(Failure) -> [UInt8] {
        var (password, salt, secret, associatedData) = (password, salt, secret, associatedData)
        var output = [UInt8](repeating: 0, count: length)
        let code = output.withUnsafeMutableBufferPointer { out in
            password.withUnsafeMutableBufferPointer { password in
                salt.withUnsafeMutableBufferPointer { salt in
                    secret.withUnsafeMutableBufferPointer { secret in
                        associatedData.withUnsafeMutableBufferPointer { data in
                            var context = argon2_context()
                            (context.out, context.outlen) = (out.baseAddress, UInt32(out.count))
                            (context.pwd, context.pwdlen) = (password.baseAddress, UInt32(password.count))
                            (context.salt, context.saltlen) = (salt.baseAddress, UInt32(salt.count))
                            (context.secret, context.secretlen) = (secret.baseAddress, UInt32(secret.count))
                            (context.ad, context.adlen) = (data.baseAddress, UInt32(data.count))
                            context.t_cost = UInt32(cost.passes)
                            context.m_cost = UInt32(cost.memoryKiB)
                            context.lanes = UInt32(cost.lanes)
                            context.threads = 1
                            context.version = version
                            return argon2id_ctx(&context)
                        }
                    }
                }
            }
        }
        for index in password.indices { password[index] = 0 }
        guard code == 0 else { throw Failure(code: code) }
        return output
    }
}
