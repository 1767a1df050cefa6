import ConnectorKit
import Store

extension ACMEProblem {
    /// How an order at a CA failed, as the client of the protocol sees it: its own mistakes by their names, and of what is wrong with
    /// the CA or with its settings only that it is not the client's.
    init(_ failure: OrderFailure) {
        let errorClass = IssuerError.Class(rawValue: failure.errorClass) ?? .other
        guard errorClass == .validation else {
            self = errorClass.isRetryable ? .unavailable(for: nil) : .refusedUnexplained
            return
        }
        switch failure.cause.flatMap(IssuerError.Cause.init(rawValue:)) {
        case .authority: self = .refusedUnexplained
        case .caa: self.init(.caa, failure.message)
        case .key: self.init(.badPublicKey, failure.message)
        case .names: self.init(.rejectedIdentifier, failure.message)
        case nil: self.init(.badCSR, failure.message)
        }
    }

    /// Nothing of the request is wrong, and nothing can be done by who made it.
    static var refusedUnexplained: ACMEProblem {
        ACMEProblem(.serverInternal, "the certificate can't be issued; the operator of the server can tell why")
    }
}

extension OrderFailure {
    /// Whether the same order may succeed later without anybody changing anything.
    var isRetryable: Bool { IssuerError.Class(rawValue: errorClass)?.isRetryable ?? true }
}
