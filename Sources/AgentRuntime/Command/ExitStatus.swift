/// How the agent program ends (specification, operations §1; targets §1.2).
enum ExitStatus {
    /// Told to stop, or retired by the control plane: nothing a service manager should undo.
    static let success: Int32 = 0
    static let failure: Int32 = 1
    static let usage: Int32 = 2
    /// `EX_UNAVAILABLE`: another process holds the state directory.
    static let unavailable: Int32 = 69
    /// `EX_TEMPFAIL`: enrolment could not reach the control plane; trying again may help.
    static let temporaryFailure: Int32 = 75
    /// `EX_NOPERM`: a file is open to others or closed to this program.
    static let permission: Int32 = 77
    /// `EX_CONFIG`: a person has to change the configuration.
    static let configuration: Int32 = 78
}
