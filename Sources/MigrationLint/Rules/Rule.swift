/// What the lint refuses. The raw value is what reports, directives and the manual call the rule.
package enum Rule: String, Sendable, CaseIterable {
    // The text.
    case syntax
    case metaCommand = "psql-meta-command"
    case parameter
    case directive
    case unusedAllowance = "allow-unused"

    // The files.
    case fileName = "file-name"
    case numbering
    case enginePair = "engine-pair"
    case downMissing = "down-missing"
    case downOrphan = "down-orphan"
    case releasedEdit = "released-edit"
    case releasedMissing = "released-missing"
    case releasedOrder = "released-order"

    // The transaction.
    case transactionControl = "transaction-control"
    case sessionState = "session-state"
    case notxNeeded = "notx-needed"
    case notxNotNeeded = "notx-not-needed"

    // Creating and dropping.
    case createUnguarded = "create-unguarded"
    case createTrigger = "create-trigger"
    case createType = "create-type"
    case createShadowed = "create-shadowed"
    case dropCreate = "drop-create-loses-rows"
    case nameTooLong = "name-too-long"
    case viewChanged = "view-changed"
    case functionSignature = "function-signature"
    case dropUnguarded = "drop-unguarded"
    case usesDropped = "uses-dropped-table"

    // Rebuilding a table of SQLite.
    case rebuildUnguarded = "rebuild-unguarded"
    case rebuildIncomplete = "rebuild-incomplete"
    case rebuildReads = "rebuild-reads-old"

    // Altering.
    case addColumn = "add-column"
    case unlessColumn = "unless-column"
    case requiredColumn = "not-null-without-default"
    case addConstraint = "add-constraint"
    case unnamedConstraint = "constraint-unnamed"
    case keyChange = "key-change"
    case rename
    case columnChange = "column-change"
    case alterUnguarded = "alter-unguarded"
    case enumValue = "enum-value"

    // Guards.
    case guardByName = "guard-by-name-alone"
    case guardMismatch = "guard-mismatch"
    case exceptionSwallows = "exception-swallows"
    case dynamicSQL = "dynamic-sql"

    // Rows.
    case insertUnguarded = "insert-unguarded"
    case insertOverwrites = "insert-overwrites"
    case insertDuplicates = "insert-duplicates"
    case conflictTargetMissing = "conflict-target-missing"
    case conflictTargetNarrow = "conflict-target-narrow"
    case conflictTargetChanged = "conflict-target-changed"
    case updateRepeats = "update-not-idempotent"
    case updateUnconditional = "update-unconditional"
    case deleteUnconditional = "delete-unconditional"

    // Locks on large tables.
    case lockCreateIndex = "lock-create-index"
    case indexLeftover = "index-leftover"
    case lockRewrite = "lock-rewrite"
    case lockConstraint = "lock-constraint"
    case lockSetNotNull = "lock-set-not-null"
    case lockValidate = "lock-validate"
    case lockTable = "lock-table"
    case lockBackfill = "lock-backfill"

    // The rest.
    case refused = "statement-refused"
    case unknown = "statement-unknown"
    case laterChange = "rerun-after-later-change"
}
