package private

import (
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

const startTimeout = 30 * time.Second

// access lets nobody in without a password, whatever initdb writes.
const access = "host all all 127.0.0.1/32 scram-sha-256\n"

func (c *cluster) config(conn Conn) embeddedpostgres.Config {
	return embeddedpostgres.DefaultConfig().
		Version(c.bin.version).
		BinariesPath(c.bin.path).
		CachePath(c.order.Binaries).
		RuntimePath(c.order.in(runDir)).
		DataPath(c.order.in(dataDir)).
		Port(uint32(conn.Port)). //nolint:gosec // 16 bits
		Username(ownerRole).
		Password(conn.OwnerPassword).
		Database(database).
		Locale("C").
		Encoding("UTF8").
		StartParameters(c.order.parameters()).
		StartTimeout(startTimeout).
		Logger(nil)
}

// parameters suit a machine of two cores that also runs Annals. The library
// connects over TCP alone, so there is no unix socket.
func (o order) parameters() map[string]string {
	p := map[string]string{ //nolint:gosec // names of settings, no credentials
		"listen_addresses":        host,
		"unix_socket_directories": "",
		"hba_file":                o.in(accessFile),

		"shared_buffers":      "256MB",
		"max_wal_size":        "2GB",
		"random_page_cost":    "1.1",
		"synchronous_commit":  "on",
		"fsync":               "on",
		"full_page_writes":    "on",
		"jit":                 "off", // compiling costs more than our queries
		"timezone":            "UTC",
		"password_encryption": "scram-sha-256",
		// Parallel workers need more of /dev/shm than a container has.
		"max_parallel_workers_per_gather": "0",

		// One file for each day of the week, overwritten after a week.
		"logging_collector":        "on",
		"log_timezone":             "UTC",
		"log_directory":            o.in(logDir),
		"log_filename":             "postgres-%u.log",
		"log_file_mode":            "0600",
		"log_rotation_age":         "1d",
		"log_rotation_size":        "0",
		"log_truncate_on_rotation": "on",
	}
	if o.Throwaway {
		p["fsync"] = "off"
		p["full_page_writes"] = "off"
		p["synchronous_commit"] = "off"
		p["shared_buffers"] = "128MB"
		p["max_connections"] = "300" // parallel tests, each with its pools
	}
	return p
}
