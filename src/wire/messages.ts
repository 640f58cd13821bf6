// The generated messages that doors speak. Only this room reads `gen/`.

export {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "./gen/grpc/health/v1/health_pb.ts";
export { ServerReflection } from "./gen/grpc/reflection/v1/reflection_pb.ts";
export type { TailRequest } from "./gen/stile/v1/audit_pb.ts";
export { AuditService } from "./gen/stile/v1/audit_pb.ts";
export type {
  DecideBatchRequest,
  DecideBatchResponse,
  DecideRequest,
  DecideResponse,
} from "./gen/stile/v1/decision_pb.ts";
export { DecideRequestSchema, DecisionService, Outcome } from "./gen/stile/v1/decision_pb.ts";
export type {
  BeginTotpRequest,
  ConfirmTotpRequest,
  ListRequest,
  RemoveRequest,
} from "./gen/stile/v1/factor_pb.ts";
export { FactorService } from "./gen/stile/v1/factor_pb.ts";
export type {
  GetFeaturesRequest,
  ObserveRequest,
  PutFeaturesRequest,
} from "./gen/stile/v1/feature_pb.ts";
export { FeatureService } from "./gen/stile/v1/feature_pb.ts";
export type { ListBundlesRequest } from "./gen/stile/v1/policy_pb.ts";
export { PolicyService } from "./gen/stile/v1/policy_pb.ts";
export type {
  GetChallengeRequest,
  RejectRequest,
  VerifyRequest,
  WatchRequest,
} from "./gen/stile/v1/step_up_pb.ts";
export { StepUpService } from "./gen/stile/v1/step_up_pb.ts";
