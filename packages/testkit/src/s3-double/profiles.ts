// What stores that speak S3 differ in, by name. Each row is a fact that a real store has shown (docs/storage-s3.md).

export interface Profile {
  /** All parts but the last must be of one size. */
  readonly hasEqualParts: boolean;
  readonly partsMax: number;
  readonly partSizeMin: number;
  /** Digests that come with a part, in `x-amz-checksum` fields: checked, kept and listed; or overlooked; or refused as unknown. */
  readonly checksums: "checked" | "ignored" | "refused";
  /** Bodies are held against what is signed of them. */
  readonly checksBodies: boolean;
  /** The only ones that objects may be in. */
  readonly storageClasses: readonly string[];
  readonly encryptions: readonly string[];
  /** A second complete with the same parts succeeds; else the upload is unknown by then. */
  readonly canReplayComplete: boolean;
  /** `If-None-Match: *` at complete. */
  readonly canCompleteConditionally: boolean;
  /** `If-None-Match: *` at an object that is written whole; else that is overlooked. */
  readonly canPutConditionally: boolean;
  readonly canCopyPart: boolean;
  /** A part that is copied has a digest where the upload was begun with some; else it is refused at complete. */
  readonly digestsCopies: boolean;
}

const AWS: Profile = {
  hasEqualParts: false,
  partsMax: 10_000,
  partSizeMin: 5 * 1024 * 1024,
  checksums: "checked",
  checksBodies: true,
  storageClasses: ["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"],
  encryptions: ["AES256", "aws:kms", "aws:kms:dsse"],
  canReplayComplete: true,
  canCompleteConditionally: true,
  canPutConditionally: true,
  canCopyPart: true,
  digestsCopies: true,
};

export type ProfileName = "aws" | "r2" | "minio" | "gcs" | "swift" | "ceph" | "moto";

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  aws: AWS,
  r2: { ...AWS, hasEqualParts: true },
  minio: { ...AWS, canReplayComplete: false, digestsCopies: false },
  gcs: { ...AWS, checksums: "refused", canCompleteConditionally: false },
  swift: {
    ...AWS,
    ...{ partsMax: 1000, checksums: "refused", canCompleteConditionally: false },
    ...{ storageClasses: ["STANDARD"], encryptions: [] },
  },
  ceph: {
    ...{ ...AWS, checksums: "ignored", canCompleteConditionally: false },
    canPutConditionally: false,
  },
  moto: { ...AWS, checksums: "ignored", checksBodies: false },
};
