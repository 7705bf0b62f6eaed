package simulator

import "strings"

// cloudTrailDeed is a call of an API, and how often it happens.
type cloudTrailDeed struct {
	weight        int
	service, name string
	reads         bool
	global        bool // recorded in the first region
	do            func(*cloudTrailLife, *cloudTrailRecord, cloudTrailCaller)
}

// cloudTrailDeeds are what happens in the account. Most of it reads.
var cloudTrailDeeds = []cloudTrailDeed{
	{weight: 120, service: "ec2", name: "DescribeInstances", reads: true, do: (*cloudTrailLife).describe},
	{weight: 60, service: "sts", name: "AssumeRole", reads: true, do: (*cloudTrailLife).assumeRole},
	{weight: 60, service: "kms", name: "Decrypt", reads: true, do: (*cloudTrailLife).decrypt},
	{weight: 40, service: "secretsmanager", name: "GetSecretValue", reads: true, do: (*cloudTrailLife).readSecret},
	{weight: 40, service: "s3", name: "GetBucketAcl", reads: true, do: (*cloudTrailLife).readBucket},
	{weight: 30, service: "iam", name: "ListUsers", reads: true, global: true},
	{weight: 24, service: "signin", name: "ConsoleLogin", global: true, do: (*cloudTrailLife).signIn},
	{weight: 20, service: "logs", name: "CreateLogStream", do: (*cloudTrailLife).logStream},
	{weight: 16, service: "ec2", name: "RunInstances", do: (*cloudTrailLife).runInstances},
	{weight: 14, service: "ec2", name: "TerminateInstances", do: (*cloudTrailLife).endInstances},
	{weight: 10, service: "lambda", name: "UpdateFunctionCode20150331v2", do: (*cloudTrailLife).updateFunction},
	{weight: 8, service: "ec2", name: "AuthorizeSecurityGroupIngress", do: (*cloudTrailLife).openPort},
	{weight: 6, service: "iam", name: "CreateAccessKey", global: true, do: (*cloudTrailLife).createKey},
	{weight: 6, service: "iam", name: "AttachRolePolicy", global: true, do: (*cloudTrailLife).attachPolicy},
	{weight: 6, service: "iam", name: "DetachRolePolicy", global: true, do: (*cloudTrailLife).attachPolicy},
	{weight: 5, service: "s3", name: "PutBucketPolicy", do: (*cloudTrailLife).readBucket},
	{weight: 4, service: "iam", name: "CreateUser", global: true, do: (*cloudTrailLife).createUser},
	{weight: 4, service: "iam", name: "DeleteUser", global: true, do: (*cloudTrailLife).createUser},
	{weight: 4, service: "iam", name: "AddUserToGroup", global: true, do: (*cloudTrailLife).joinGroup},
	{weight: 3, service: "ec2", name: "ModifySnapshotAttribute", do: (*cloudTrailLife).shareSnapshot},
	{weight: 2, service: "kms", name: "ScheduleKeyDeletion", do: (*cloudTrailLife).dropKey},
	{weight: 1, service: "cloudtrail", name: "StopLogging", do: (*cloudTrailLife).stopLogging},
	{weight: 1, service: "iam", name: "DeactivateMFADevice", global: true, do: (*cloudTrailLife).dropMFA},
}

func (l *cloudTrailLife) describe(r *cloudTrailRecord, _ cloudTrailCaller) {
	r.RequestParameters = map[string]any{"maxResults": 1000, "instancesSet": map[string]any{}, "filterSet": map[string]any{}}
}

func (l *cloudTrailLife) assumeRole(r *cloudTrailRecord, caller cloudTrailCaller) {
	role := l.arn("iam", "", "role/"+pick(l.rand, []string{"app-backend", "deploy", "audit", "OrganizationAccountAccessRole"}))
	session := strings.ReplaceAll(caller.name, ".amazonaws.com", "")
	r.RequestParameters = map[string]any{"roleArn": role, "roleSessionName": session, "durationSeconds": 3600}
	r.ResponseElements = map[string]any{
		"credentials":     map[string]any{"accessKeyId": l.id("ASIA"), "expiration": "Jan 19, 2026, 9:44:40 PM"},
		"assumedRoleUser": map[string]any{"assumedRoleId": l.id("AROA") + ":" + session, "arn": strings.Replace(role, ":iam:", ":sts:", 1)},
	}
	r.Resources = l.resource("AWS::IAM::Role", role)
}

func (l *cloudTrailLife) decrypt(r *cloudTrailRecord, _ cloudTrailCaller) {
	r.RequestParameters = map[string]any{
		"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": map[string]any{"aws:s3:arn": "arn:aws:s3:::example-reports"},
	}
	r.Resources = l.resource("AWS::KMS::Key", l.arn("kms", r.AWSRegion, "key/"+pick(l.rand, cloudTrailKeys())))
}

func (l *cloudTrailLife) dropKey(r *cloudTrailRecord, _ cloudTrailCaller) {
	key := l.arn("kms", r.AWSRegion, "key/"+pick(l.rand, cloudTrailKeys()))
	r.RequestParameters = map[string]any{"keyId": key, "pendingWindowInDays": 7}
	r.ResponseElements = map[string]any{"keyId": key, "keyState": "PendingDeletion", "pendingWindowInDays": 7}
	r.Resources = l.resource("AWS::KMS::Key", key)
}

func (l *cloudTrailLife) readSecret(r *cloudTrailRecord, _ cloudTrailCaller) {
	name := pick(l.rand, []string{"prod/database", "prod/mail", "staging/database", "shared/license"})
	r.RequestParameters = map[string]any{"secretId": name}
}

func (l *cloudTrailLife) readBucket(r *cloudTrailRecord, _ cloudTrailCaller) {
	bucket := pick(l.rand, []string{"example-reports", "example-backups", "example-public-website"})
	r.RequestParameters = map[string]any{"bucketName": bucket, "Host": bucket + ".s3.amazonaws.com"}
	r.AdditionalEventData = map[string]any{"SignatureVersion": "SigV4", "bytesTransferredIn": 0, "AuthenticationMethod": "AuthHeader"}
	r.Resources = l.resource("AWS::S3::Bucket", "arn:aws:s3:::"+bucket)
}

// signIn fails now and then, with a name that AWS hides when it knows no such user.
func (l *cloudTrailLife) signIn(r *cloudTrailRecord, caller cloudTrailCaller) {
	r.EventType, r.UserAgent, r.RequestID = "AwsConsoleSignIn", "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", ""
	r.AdditionalEventData = map[string]any{
		"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": pick(l.rand, []string{"Yes", "Yes", "No"}),
	}
	r.UserIdentity = map[string]any{
		"type": "IAMUser", "principalId": caller.identity["principalId"], "arn": caller.identity["arn"],
		"accountId": l.account, "userName": caller.name,
	}
	r.ResponseElements = map[string]any{"ConsoleLogin": "Success"}
	switch l.rand.IntN(8) {
	case 0:
		r.ResponseElements, r.ErrorMessage = map[string]any{"ConsoleLogin": "Failure"}, "Failed authentication"
	case 1:
		r.ResponseElements, r.ErrorMessage = map[string]any{"ConsoleLogin": "Failure"}, "No username found in supplied account"
		r.UserIdentity = map[string]any{
			"type": "IAMUser", "principalId": "", "accountId": l.account, "accessKeyId": "", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS",
		}
	}
}

func (l *cloudTrailLife) logStream(r *cloudTrailRecord, _ cloudTrailCaller) {
	r.RequestParameters = map[string]any{"logGroupName": "/aws/lambda/checkout", "logStreamName": guidOf(l.rand)}
}

func (l *cloudTrailLife) runInstances(r *cloudTrailRecord, _ cloudTrailCaller) {
	image := l.ec2ID("ami")
	r.RequestParameters = map[string]any{
		"instancesSet": map[string]any{"items": []any{map[string]any{"imageId": image, "minCount": 1, "maxCount": 1}}},
		"instanceType": "m7g.large", "userData": "<sensitiveDataRemoved>", "monitoring": map[string]any{"enabled": false},
	}
	r.ResponseElements = map[string]any{
		"reservationId": l.ec2ID("r"), "ownerId": l.account,
		"instancesSet": map[string]any{"items": []any{map[string]any{
			"instanceId": l.ec2ID("i"), "imageId": image, "instanceState": map[string]any{"code": 0, "name": "pending"},
		}}},
	}
}

func (l *cloudTrailLife) endInstances(r *cloudTrailRecord, _ cloudTrailCaller) {
	r.RequestParameters = map[string]any{"instancesSet": map[string]any{"items": []any{
		map[string]any{"instanceId": l.ec2ID("i")}, map[string]any{"instanceId": l.ec2ID("i")},
	}}}
}

func (l *cloudTrailLife) updateFunction(r *cloudTrailRecord, _ cloudTrailCaller) {
	name := pick(l.rand, []string{"checkout", "thumbnails", "nightly-report"})
	r.RequestParameters = map[string]any{"functionName": name, "publish": false, "dryRun": false}
	r.ResponseElements = map[string]any{"functionName": name, "runtime": "provided.al2023", "memorySize": 256, "timeout": 30}
}

func (l *cloudTrailLife) openPort(r *cloudTrailRecord, _ cloudTrailCaller) {
	r.RequestParameters = map[string]any{
		"groupId": l.ec2ID("sg"),
		"ipPermissions": map[string]any{"items": []any{map[string]any{
			"ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
			"ipRanges": map[string]any{"items": []any{map[string]any{"cidrIp": pick(l.rand, []string{"0.0.0.0/0", "192.0.2.0/24"})}}},
		}}},
	}
	r.ResponseElements = map[string]any{"_return": true}
}

func (l *cloudTrailLife) createUser(r *cloudTrailRecord, _ cloudTrailCaller) {
	name := pick(l.rand, []string{"contractor", "ci", "backup", "reporting"})
	r.RequestParameters = map[string]any{"userName": name}
	if r.EventName == "CreateUser" {
		r.ResponseElements = map[string]any{"user": map[string]any{
			"path": "/", "userName": name, "userId": l.id("AIDA"), "arn": l.arn("iam", "", "user/"+name), "createDate": "Jan 19, 2026, 9:45:12 PM",
		}}
	}
}

func (l *cloudTrailLife) createKey(r *cloudTrailRecord, _ cloudTrailCaller) {
	name := pick(l.rand, []string{"contractor", "ci", "alice"})
	r.RequestParameters = map[string]any{"userName": name}
	r.ResponseElements = map[string]any{"accessKey": map[string]any{"userName": name, "accessKeyId": l.id("AKIA"), "status": "Active"}}
}

func (l *cloudTrailLife) attachPolicy(r *cloudTrailRecord, _ cloudTrailCaller) {
	r.RequestParameters = map[string]any{
		"roleName":  pick(l.rand, []string{"app-backend", "deploy", "audit"}),
		"policyArn": "arn:aws:iam::aws:policy/" + pick(l.rand, []string{"AdministratorAccess", "ReadOnlyAccess", "AmazonS3FullAccess"}),
	}
}

func (l *cloudTrailLife) joinGroup(r *cloudTrailRecord, _ cloudTrailCaller) {
	r.RequestParameters = map[string]any{
		"userName": pick(l.rand, []string{"contractor", "ci"}), "groupName": pick(l.rand, []string{"admins", "developers"}),
	}
}

func (l *cloudTrailLife) shareSnapshot(r *cloudTrailRecord, _ cloudTrailCaller) {
	r.RequestParameters = map[string]any{
		"snapshotId": l.ec2ID("snap"), "attributeType": "CREATE_VOLUME_PERMISSION",
		"createVolumePermission": map[string]any{"add": map[string]any{"items": []any{map[string]any{"userId": "444455556666"}}}},
	}
	r.ResponseElements = map[string]any{"_return": true}
}

func (l *cloudTrailLife) stopLogging(r *cloudTrailRecord, _ cloudTrailCaller) {
	r.RequestParameters = map[string]any{"name": l.arn("cloudtrail", r.AWSRegion, "trail/all")}
}

func (l *cloudTrailLife) dropMFA(r *cloudTrailRecord, _ cloudTrailCaller) {
	r.RequestParameters = map[string]any{"userName": "dana", "serialNumber": l.arn("iam", "", "mfa/dana")}
}

func (l *cloudTrailLife) resource(kind, arn string) []any {
	return []any{map[string]any{"accountId": l.account, "type": kind, "ARN": arn}}
}

func cloudTrailKeys() []string {
	return []string{"1234abcd-12ab-34cd-56ef-1234567890ab", "0987dcba-09fe-87dc-65ba-ab0987654321"}
}
