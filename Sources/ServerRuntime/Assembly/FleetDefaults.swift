import APIContract
import Encoding
import Settings

/// What the server's settings prescribe for the deployments of every agent, in the form of the heartbeat's answer.
enum FleetDefaults {
    static func wire(_ defaults: DeploymentDefaults) -> AgentRuntimeConfig {
        var config = AgentRuntimeConfig {
            $0.verifiesDeployment = defaults.verifies
            $0.verifyTimeout = DurationText.text(defaults.verifyTimeout)
            $0.verifyDelay = DurationText.text(defaults.verifyDelay)
            $0.backupRetention = defaults.backupRetention ?? -1
        }
        config.configVersion = checksum(config.json.text)
        return config
    }

    /// FNV-1a, shortened to what every JSON reader holds exactly: the same on each replica, another for other values.
    private static func checksum(_ text: String) -> Int {
        let hash = text.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        return Int(hash >> 1)
    }
}
