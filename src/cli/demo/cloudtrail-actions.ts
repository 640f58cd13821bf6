/**
 * Which action of the pack's catalogue an event is, by service and event name. An event that is
 * not here is asked as `aws.<service>.<event>`. AWS calls some of these read-only, such as reading
 * a secret or the first password of a machine; the catalogue knows better.
 */
const BY_ACTION: Readonly<Record<string, readonly string[]>> = {
  "secret.read": [
    "secretsmanager:GetSecretValue",
    "secretsmanager:BatchGetSecretValue",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
    "ssm:GetParameterHistory",
    "ec2:GetPasswordData",
  ],
  "secret.write": [
    "secretsmanager:CreateSecret",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecret",
    "ssm:PutParameter",
  ],
  "secret.rotate": ["secretsmanager:RotateSecret"],
  "secret.delete": ["secretsmanager:DeleteSecret", "ssm:DeleteParameter", "ssm:DeleteParameters"],
  "key.delete": ["kms:ScheduleKeyDeletion", "kms:DisableKey"],
  "host.ssh": ["ssm:SendCommand", "ssm:StartSession", "ssm:ResumeSession"],
  "database.query": ["rds-data:ExecuteStatement", "rds-data:BatchExecuteStatement"],
  "database.drop": ["rds:DeleteDBInstance", "rds:DeleteDBCluster", "dynamodb:DeleteTable"],
  "system.halt": ["ec2:TerminateInstances", "ec2:StopInstances"],
  "node.reboot": ["ec2:RebootInstances"],
  "cluster.delete": ["eks:DeleteCluster", "ecs:DeleteCluster"],
  "config.change_sensitive": [
    "ec2:ModifyInstanceAttribute",
    "s3:PutBucketLifecycle",
    "s3:DeleteBucketLifecycle",
  ],
  "security_group.change": [
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:ModifySecurityGroupRules",
    "ec2:CreateSecurityGroup",
    "ec2:DeleteSecurityGroup",
  ],
  "firewall.change": [
    "ec2:CreateNetworkAclEntry",
    "ec2:ReplaceNetworkAclEntry",
    "ec2:DeleteNetworkAclEntry",
    "ec2:AttachInternetGateway",
  ],
  "route.change": [
    "ec2:CreateRoute",
    "ec2:ReplaceRoute",
    "ec2:DeleteRoute",
    "ec2:CreateRouteTable",
    "ec2:DeleteRouteTable",
    "ec2:AssociateRouteTable",
    "ec2:DisassociateRouteTable",
  ],
  "vpn.change": ["ec2:CreateVpnConnection", "ec2:DeleteVpnConnection"],
  "dns.change": ["route53:ChangeResourceRecordSets"],
  "dns.zone_delete": ["route53:DeleteHostedZone"],
  "bucket.delete": ["s3:DeleteBucket"],
  "bucket.policy_change": [
    "s3:PutBucketPolicy",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketAcl",
    "s3:PutBucketPublicAccessBlock",
    "s3:DeleteBucketPublicAccessBlock",
  ],
  "snapshot.share": [
    "ec2:ModifySnapshotAttribute",
    "ec2:ModifyImageAttribute",
    "rds:ModifyDBSnapshotAttribute",
  ],
  "volume.delete": ["ec2:DeleteVolume"],
  "backup.delete": ["ec2:DeleteSnapshot", "rds:DeleteDBSnapshot", "backup:DeleteRecoveryPoint"],
  "user.create": ["iam:CreateUser"],
  "user.reset_factor": ["iam:DeactivateMFADevice", "iam:DeleteVirtualMFADevice"],
  "access_key.create": ["iam:CreateAccessKey"],
  "user.grant_role": [
    "iam:AttachUserPolicy",
    "iam:PutUserPolicy",
    "iam:AddUserToGroup",
    "iam:AddRoleToInstanceProfile",
  ],
  "role.change": [
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:AttachRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePolicy",
    "iam:DeleteRolePolicy",
    "iam:UpdateAssumeRolePolicy",
  ],
  "policy.change": [
    "iam:CreatePolicy",
    "iam:DeletePolicy",
    "iam:CreatePolicyVersion",
    "iam:SetDefaultPolicyVersion",
  ],
  "audit.read": ["cloudtrail:LookupEvents"],
  "audit.disable": [
    "cloudtrail:DeleteTrail",
    "cloudtrail:UpdateTrail",
    "cloudtrail:PutEventSelectors",
    "config:StopConfigurationRecorder",
  ],
  "logging.stop": ["cloudtrail:StopLogging", "ec2:DeleteFlowLogs"],
  "audit.delete": ["logs:DeleteLogGroup", "logs:DeleteLogStream"],
  "log.export": ["logs:CreateExportTask"],
  "detector.disable": ["guardduty:DeleteDetector", "guardduty:StopMonitoringMembers"],
  "detector.tune": ["guardduty:UpdateDetector", "guardduty:CreateFilter"],
};

/** Every action of the catalogue that stands for an event. */
export const MAPPED_ACTIONS: readonly string[] = Object.keys(BY_ACTION);

const BY_EVENT: ReadonlyMap<string, string> = new Map(
  Object.entries(BY_ACTION).flatMap(([action, events]) => events.map((event) => [event, action])),
);

/** @returns the name of the action to ask for. */
export function actionOfEvent(service: string, event: string): string {
  return BY_EVENT.get(`${service}:${event}`) ?? `aws.${service}.${event}`;
}
