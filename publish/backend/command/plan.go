package command

import (
	"encoding/json"
	"fmt"
	"math"
	"text/tabwriter"

	"github.com/hindsight-app/hindsight/publish/api"
)

// plan tells how many Egress workers so many recordings need.
type plan struct {
	Recordings   int               `required:"" placeholder:"N" help:"Number of simultaneous recordings."`
	Type         api.RecordingType `default:"trackComposite" enum:"trackComposite,track,participant,roomComposite" help:"Recording type: trackComposite, track, participant or roomComposite."`
	WorkerCPU    float64           `name:"worker-cpu" default:"4" help:"CPU cores per worker."`
	WorkerMemory float64           `default:"4" help:"Memory per worker, in GiB."`
	JSON         bool              `help:"Print JSON."`
}

// Help says where the figures come from.
func (*plan) Help() string {
	return "The figures are for one 1080p30 video with audio recorded to an MP4 file by LiveKit Egress 1.8, as measured " +
		"by " +
		"make bench-egress in a checkout of Hindsight on " + measuredOn + ". Run it on a machine like " +
		"your workers, and set --worker-cpu and --worker-memory to their size. A fifth of every worker is kept free: " +
		"Egress refuses requests on a busy machine, and recordings start and stop together."
}

// need is what one recording takes.
type need struct {
	Cores float64 `json:"cores"`
	MiB   float64 `json:"mib"`
}

// measured is what make bench-egress printed on measuredOn; every frame arrived. Room Composite took nearly all there
// was.
var measured = map[api.RecordingType]need{
	api.TypeTrack:          {0.03, 45},
	api.TypeTrackComposite: {1.16, 423},
	api.TypeParticipant:    {1.16, 424},
	api.TypeRoomComposite:  {1.82, 1133},
}

const measuredOn = "two cores, Debian 12, November 2026"

// stated is the upper end of what LiveKit states for each type, and what its Egress reserves by default.
var stated = map[api.RecordingType]need{
	api.TypeTrack:          {0.5, 500},
	api.TypeTrackComposite: {1, 1000},
	api.TypeParticipant:    {1, 1000},
	api.TypeRoomComposite:  {6, 4000},
}

// spare is the part of a worker that is kept free.
const spare = 0.2

// planned is one answer.
type planned struct {
	By            string  `json:"by"`
	Each          need    `json:"each"`
	PerWorker     int     `json:"recordingsPerWorker"`
	Workers       int     `json:"workers"`
	Cores         float64 `json:"cores"`
	MemoryGiB     float64 `json:"memoryGiB"`
	WorkerTooTiny bool    `json:"workerTooSmall,omitempty"`
}

// workersFor fits recordings into workers of so many cores and MiB.
func workersFor(recordings int, each need, cores, mib float64) planned {
	p := planned{Each: each, PerWorker: int(min(cores*(1-spare)/each.Cores, mib*(1-spare)/each.MiB))}
	if p.PerWorker < 1 {
		// One recording may have the whole of a worker, if that is enough.
		p.PerWorker, p.WorkerTooTiny = 1, each.Cores > cores || each.MiB > mib
	}
	p.Workers = int(math.Ceil(float64(recordings) / float64(p.PerWorker)))
	p.Cores, p.MemoryGiB = float64(p.Workers)*cores, float64(p.Workers)*mib/1024
	return p
}

// Run prints the plan.
func (p *plan) Run(out output) error {
	switch {
	case p.Recordings < 1 || p.Recordings > 1_000_000:
		return fmt.Errorf("--recordings is %d; it must be 1 to 1000000", p.Recordings)
	case !(p.WorkerCPU >= 0.5 && p.WorkerCPU <= 1024):
		return fmt.Errorf("--worker-cpu is %g; it must be 0.5 to 1024 cores", p.WorkerCPU)
	case !(p.WorkerMemory >= 0.5 && p.WorkerMemory <= 65536):
		return fmt.Errorf("--worker-memory is %g; it must be 0.5 to 65536 GiB", p.WorkerMemory)
	}
	rows := []planned{workersFor(p.Recordings, measured[p.Type], p.WorkerCPU, p.WorkerMemory*1024),
		workersFor(p.Recordings, stated[p.Type], p.WorkerCPU, p.WorkerMemory*1024)}
	rows[0].By, rows[1].By = "measured here", "LiveKit's upper figures"
	if p.JSON {
		return json.NewEncoder(out).Encode(map[string]any{"recordings": p.Recordings, "type": p.Type, "plans": rows})
	}
	fmt.Fprintf(out, "%d recordings of type %s on workers of %g cores and %g GiB:\n\n", p.Recordings, p.Type, p.WorkerCPU,
		p.WorkerMemory)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "BY\tONE RECORDING\tPER WORKER\tWORKERS\tCORES\tMEMORY")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.2f cores, %.0f MiB\t%d\t%d\t%g\t%g GiB\n", r.By, r.Each.Cores, r.Each.MiB, r.PerWorker,
			r.Workers, r.Cores, r.MemoryGiB)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.WorkerTooTiny {
			fmt.Fprintf(out, "\nBy %s, one recording needs more than such a worker has: use larger workers.\n", r.By)
		}
	}
	if p.Type == api.TypeRoomComposite {
		fmt.Fprintln(out, "\nTwo cores were too few for it (25 of 30 FPS). Plan with LiveKit's figures.")
	}
	_, err := fmt.Fprintf(out, "\nMeasured with make bench-egress (%s). Egress admits recordings by the cpu_cost in\n"+
		"its configuration: set %s there to what one recording needs on your workers.\n", measuredOn, costKey[p.Type])
	return err
}

// costKey is the setting of Egress that reserves CPU for a type.
var costKey = map[api.RecordingType]string{api.TypeTrack: "track_cpu_cost",
	api.TypeTrackComposite: "track_composite_cpu_cost", api.TypeParticipant: "participant_cpu_cost",
	api.TypeRoomComposite: "room_composite_cpu_cost"}
