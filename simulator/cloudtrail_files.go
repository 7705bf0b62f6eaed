package simulator

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// LogFile is a log file that a trail delivers to its bucket.
type LogFile struct {
	Key  string // in the bucket
	Body []byte // packed with gzip
}

// LogFiles are the files with what happened in a half-open time: for each region one per five minutes of delivery.
// Their records are in no order, as in the bucket, and now and then one comes twice.
func (c *CloudTrail) LogFiles(from, to time.Time) []LogFile {
	const every = 5 * time.Minute
	r := c.options.Rand("cloudtrail files")
	var files []LogFile
	for _, region := range c.Regions {
		delivered := map[time.Time][]Item{}
		for _, item := range c.stores[region].Items() {
			if !item.At.Before(from) && item.At.Before(to) {
				at := item.Visible.UTC().Truncate(every).Add(every)
				delivered[at] = append(delivered[at], item)
			}
		}
		for _, at := range slices.SortedFunc(maps.Keys(delivered), time.Time.Compare) {
			items := delivered[at]
			r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
			if r.IntN(50) == 0 {
				items = append(items, items[0])
			}
			files = append(files, LogFile{
				Key: fmt.Sprintf("AWSLogs/%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%s_%x.json.gz", c.AccountID, region,
					at.Format("2006/01/02"), c.AccountID, region, at.Format("20060102T1504Z"), randomBytes(r, 8)),
				Body: packRecords(items),
			})
		}
	}
	slices.SortStableFunc(files, func(a, b LogFile) int { return cmp.Compare(a.Key, b.Key) })
	return files
}

// packRecords writes `{"Records":[…]}` without touching the records' bytes.
func packRecords(items []Item) []byte {
	records := make([][]byte, len(items))
	for i, item := range items {
		records[i] = item.Body
	}
	return pack(slices.Concat([]byte(`{"Records":[`), bytes.Join(records, []byte(",")), []byte(`]}`)))
}
