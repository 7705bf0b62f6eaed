package cloudtrail

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is a draft without its bytes, which are the input.
type golden struct {
	audit.Draft
	Raw     *struct{} `json:",omitempty"`
	Content *struct{} `json:",omitempty"`
}

func compareGolden(t *testing.T, path string, drafts []audit.Draft) {
	t.Helper()
	list := make([]golden, len(drafts))
	for i, draft := range drafts {
		list[i] = golden{Draft: draft}
	}
	got, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the drafts differ from %s: run with -update and look at the difference", path)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	compareGolden(t, "testdata/records.golden.json", readFile(t, "testdata/records.json"))
}

func TestContentIgnoresLayout(t *testing.T) {
	t.Parallel()
	a := translate([]byte(`{"eventID":"1","recipientAccountId":"2","eventName":"CreateUser"}`))
	b := translate([]byte("{\n \"eventName\": \"Create\\u0055ser\", \"recipientAccountId\": \"2\",\n \"eventID\": \"1\"}"))
	if a.Key != "1/2" || a.Key != b.Key || a.Content != b.Content {
		t.Errorf("two layouts of one record have keys %q and %q, contents %x and %x", a.Key, b.Key, a.Content, b.Content)
	}
	c := translate([]byte(`{"eventID":"1","recipientAccountId":"3","eventName":"CreateUser"}`))
	if a.Key == c.Key || a.Content == c.Content {
		t.Error("the record of another account is the same")
	}
}

func TestTranslateKeepsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{``, `{`, `{"eventID":"1"`, "{\"a\":\"\x01\"}", `{"a":1}{"b":2}`, `NaN`} {
		draft := translate([]byte(raw))
		if draft.Type != Name+".unreadable" || string(draft.Raw) != raw || draft.Key == "" || draft.Outcome != audit.OutcomeUnknown {
			t.Errorf("%q became %+v", raw, draft)
		}
	}
	for _, raw := range []string{`null`, `[]`, `"text"`, `1`, `{}`} {
		draft := translate([]byte(raw))
		if draft.Type != Name+".unknown" || string(draft.Raw) != raw || draft.Key == "" {
			t.Errorf("%q became %+v", raw, draft)
		}
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	tests := map[string]audit.Action{
		"CreateUser": audit.ActionCreate, "RunInstances": audit.ActionCreate, "DeleteTrail": audit.ActionDelete,
		"TerminateInstances": audit.ActionDelete, "ScheduleKeyDeletion": audit.ActionDelete, "GetObject": audit.ActionRead,
		"BatchGetSecretValue": audit.ActionRead, "AdminCreateUser": audit.ActionCreate, "PutBucketPolicy": audit.ActionUpdate,
		"UpdateFunctionCode20150331v2": audit.ActionUpdate, "AddPermission20150331v2": audit.ActionGrant,
		"AttachRolePolicy": audit.ActionGrant, "PutUserPolicy": audit.ActionGrant, "AttachVolume": audit.ActionUpdate,
		"DetachUserPolicy": audit.ActionRevoke, "DeleteRolePolicy": audit.ActionRevoke, "DeletePolicy": audit.ActionDelete,
		"AuthorizeSecurityGroupIngress": audit.ActionGrant, "RevokeSecurityGroupIngress": audit.ActionRevoke,
		"AddUserToGroup": audit.ActionGrant, "RemoveUserFromGroup": audit.ActionRevoke, "ConsoleLogin": audit.ActionLogin,
		"AssumeRoleWithSAML": audit.ActionLogin, "ExitRole": audit.ActionLogout, "StartLogging": audit.ActionEnable,
		"StopLogging": audit.ActionDisable, "DeactivateMFADevice": audit.ActionDisable, "StartSession": audit.ActionExecute,
		"SendCommand": audit.ActionExecute, "InviteAccountToOrganization": audit.ActionInvite, "AcceptHandshake": audit.ActionApprove,
		"DeclineHandshake": audit.ActionReject, "ExportImage": audit.ActionExport, "TransferDomain": audit.ActionTransfer,
		"Getaway": audit.ActionOther, "Settle": audit.ActionOther, "get": audit.ActionOther, "X": audit.ActionOther,
		"Batch": audit.ActionOther, "": audit.ActionOther,
	}
	for name, want := range tests {
		raw, err := json.Marshal(map[string]any{"eventName": name})
		if err != nil {
			t.Fatal(err)
		}
		if got := translate(raw).Action; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got := translate([]byte(`{"eventName":"Getaway","readOnly":true}`)).Action; got != audit.ActionRead {
		t.Errorf("what only reads is %s", got)
	}
}

func TestCategories(t *testing.T) {
	t.Parallel()
	tests := map[string]audit.Category{
		"iam CreateUser": audit.CategoryUser, "iam AddUserToGroup": audit.CategoryGroup, "iam AttachUserPolicy": audit.CategoryPermission,
		"iam CreateAccessKey": audit.CategoryCredential, "iam UpdateAccountPasswordPolicy": audit.CategoryPolicy,
		"iam CreateSAMLProvider": audit.CategoryConfiguration, "sts AssumeRole": audit.CategorySession,
		"signin ConsoleLogin": audit.CategoryAuthentication, "sso CreateAccountAssignment": audit.CategoryPermission,
		"sso Federate": audit.CategoryAuthentication, "identitystore CreateUser": audit.CategoryUser,
		"kms Decrypt": audit.CategoryData, "kms ScheduleKeyDeletion": audit.CategoryCredential,
		"secretsmanager GetSecretValue": audit.CategoryCredential, "cloudtrail StopLogging": audit.CategoryConfiguration,
		"organizations AttachPolicy": audit.CategoryPolicy, "organizations LeaveOrganization": audit.CategoryConfiguration,
		"config DeleteConfigRule": audit.CategoryPolicy, "ec2 AuthorizeSecurityGroupIngress": audit.CategoryNetwork,
		"ec2 ModifySnapshotAttribute": audit.CategorySharing, "s3 PutBucketPolicy": audit.CategoryPermission,
		"s3 PutBucketAcl": audit.CategorySharing, "s3 DeleteObjects": audit.CategoryData, "budgets UpdateBudget": audit.CategoryBilling,
		"ec2 RunInstances": audit.CategoryConfiguration,
	}
	for call, want := range tests {
		service, name, _ := bytes.Cut([]byte(call), []byte(" "))
		raw, err := json.Marshal(map[string]any{"eventSource": string(service) + ".amazonaws.com", "eventName": string(name)})
		if err != nil {
			t.Fatal(err)
		}
		if got := translate(raw).Category; got != want {
			t.Errorf("%s is %s, want %s", call, got, want)
		}
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		raw    string
		want   audit.Outcome
		reason audit.Text
	}{
		{`{"eventName":"A"}`, audit.OutcomeSuccess, ""},
		{`{"eventName":"A","errorCode":"Client.UnauthorizedOperation","errorMessage":"No."}`, audit.OutcomeDenied, "Client.UnauthorizedOperation: No."},
		{`{"eventName":"A","errorCode":"AccessDeniedException"}`, audit.OutcomeDenied, "AccessDeniedException"},
		{`{"eventName":"A","errorCode":"VpceAccessDenied"}`, audit.OutcomeDenied, "VpceAccessDenied"},
		{`{"eventName":"A","errorCode":"NoSuchBucket"}`, audit.OutcomeFailure, "NoSuchBucket"},
		{`{"eventName":"ConsoleLogin","responseElements":{"ConsoleLogin":"Success"}}`, audit.OutcomeSuccess, ""},
		{`{"eventName":"ConsoleLogin","responseElements":{"ConsoleLogin":"Failure"},"errorMessage":"Failed authentication"}`, audit.OutcomeFailure, "Failed authentication"},
		{`{"eventName":"ConsoleLogin"}`, audit.OutcomeUnknown, ""},
		{`{"eventName":"SwitchRole","eventType":"AwsConsoleSignIn","responseElements":{"SwitchRole":"Failure"}}`, audit.OutcomeFailure, ""},
		{`{"eventName":"CheckMfa","eventType":"AwsConsoleSignIn","responseElements":null}`, audit.OutcomeSuccess, ""},
		{`{"eventType":"AwsCloudTrailInsight"}`, audit.OutcomeUnknown, ""},
	}
	for _, test := range tests {
		draft := translate([]byte(test.raw))
		if draft.Outcome != test.want || draft.OutcomeReason != test.reason {
			t.Errorf("%s is %s, %q, want %s, %q", test.raw, draft.Outcome, draft.OutcomeReason, test.want, test.reason)
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	at := time.Date(2023, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := map[string]time.Time{
		`"2023-01-02T03:04:05Z"`: at, `"2023-01-02 03:04:05.000000000"`: at, `"2023-01-02 03:04:05"`: at,
		`"2023-01-02T04:04:05+01:00"`: at, `"..."`: {}, `"redacted"`: {}, `1672628645`: {}, `null`: {},
	}
	for text, want := range tests {
		draft := translate([]byte(`{"eventName":"A","eventTime":` + text + `}`))
		if !draft.OccurredAt.Equal(want) || draft.OccurredAt.Location() != time.UTC {
			t.Errorf("%s is %v, want %v", text, draft.OccurredAt, want)
		}
		if kept := bytes.Contains(draft.Metadata, []byte("eventTime")); kept != (want.IsZero() && text != "null") {
			t.Errorf("%s in the metadata: %v", text, kept)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	records, err := os.ReadFile("testdata/records.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(records)
	f.Add([]byte(`[{"eventID":1}]`))
	f.Add([]byte("{\"eventID\":\"1\"}\n{\"eventID\":\"2\"}"))
	f.Fuzz(func(t *testing.T, file []byte) {
		for draft, err := range (files{}).ReadFile(t.Context(), bytes.NewReader(file)) {
			if err != nil {
				if connector.ClassOf(err) != connector.Malformed {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Contains(file, draft.Raw) {
				t.Fatalf("%q is not of the file", draft.Raw)
			}
			checkDraft(t, "fuzz", draft)
		}
	})
}
