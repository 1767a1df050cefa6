package import PKI

extension SigningExecutor {
    /// A fresh key. One of RSA takes seconds, which no thread of the pool has.
    package func generate(_ spec: KeySpec) async throws(SignerError) -> PrivateKey {
        try await run { () throws(SignerError) in
            do throws(KeyError) { return try PrivateKey.generate(spec) } catch {
                throw .unsupported(error.description)
            }
        }
    }

    /// Runs something other than a signature that takes as long as one.
    ///
    /// - Throws: What `body` throws; ``SignerError`` when there is no thread for it.
    package func compute<Success: Sendable>(_ body: @escaping @Sendable () throws -> Success) async throws -> Success {
        let result: Result<Success, any Error> = try await run { () throws(SignerError) in Result(catching: body) }
        return try result.get()
    }
}
