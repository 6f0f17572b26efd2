CREATE TABLE public.changes (
    seq bigint NOT NULL,
    kind text NOT NULL,
    id uuid,
    issued_until bigint,
    until bigint NOT NULL,
    mark uuid DEFAULT gen_random_uuid() NOT NULL
);
CREATE TABLE public.clients (
    id uuid NOT NULL,
    merchant_id uuid,
    name bytea NOT NULL,
    environment text NOT NULL,
    scope text NOT NULL,
    addresses text NOT NULL,
    disabled boolean NOT NULL,
    revoked_until bigint NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT clients_environment_check CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text])))
);
CREATE TABLE public.elected (
    office text NOT NULL,
    holder uuid NOT NULL,
    until bigint NOT NULL
);
CREATE TABLE public.idempotency_keys (
    merchant_id uuid NOT NULL,
    environment text NOT NULL,
    route text NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    generation smallint NOT NULL,
    owner uuid NOT NULL,
    fingerprint bytea NOT NULL,
    until bigint NOT NULL,
    status integer,
    body bytea,
    CONSTRAINT idempotency_keys_check CHECK (((status IS NULL) = (body IS NULL))),
    CONSTRAINT idempotency_keys_environment_check CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK ((length(fingerprint) = 32))
)
PARTITION BY LIST (generation);
CREATE TABLE public.idempotency_keys_0 (
    merchant_id uuid NOT NULL,
    environment text NOT NULL,
    route text NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    generation smallint NOT NULL,
    owner uuid NOT NULL,
    fingerprint bytea NOT NULL,
    until bigint NOT NULL,
    status integer,
    body bytea,
    CONSTRAINT idempotency_keys_check CHECK (((status IS NULL) = (body IS NULL))),
    CONSTRAINT idempotency_keys_environment_check CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK ((length(fingerprint) = 32))
);
CREATE TABLE public.idempotency_keys_1 (
    merchant_id uuid NOT NULL,
    environment text NOT NULL,
    route text NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    generation smallint NOT NULL,
    owner uuid NOT NULL,
    fingerprint bytea NOT NULL,
    until bigint NOT NULL,
    status integer,
    body bytea,
    CONSTRAINT idempotency_keys_check CHECK (((status IS NULL) = (body IS NULL))),
    CONSTRAINT idempotency_keys_environment_check CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK ((length(fingerprint) = 32))
);
CREATE TABLE public.idempotency_keys_2 (
    merchant_id uuid NOT NULL,
    environment text NOT NULL,
    route text NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    generation smallint NOT NULL,
    owner uuid NOT NULL,
    fingerprint bytea NOT NULL,
    until bigint NOT NULL,
    status integer,
    body bytea,
    CONSTRAINT idempotency_keys_check CHECK (((status IS NULL) = (body IS NULL))),
    CONSTRAINT idempotency_keys_environment_check CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK ((length(fingerprint) = 32))
);
CREATE TABLE public.idempotency_keys_3 (
    merchant_id uuid NOT NULL,
    environment text NOT NULL,
    route text NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    generation smallint NOT NULL,
    owner uuid NOT NULL,
    fingerprint bytea NOT NULL,
    until bigint NOT NULL,
    status integer,
    body bytea,
    CONSTRAINT idempotency_keys_check CHECK (((status IS NULL) = (body IS NULL))),
    CONSTRAINT idempotency_keys_environment_check CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK ((length(fingerprint) = 32))
);
CREATE TABLE public.installation (
    id integer NOT NULL,
    check_value bytea,
    purged_change bigint NOT NULL,
    last_change bigint NOT NULL,
    purged_mark uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    CONSTRAINT installation_id_check CHECK ((id = 1))
);
CREATE TABLE public.merchants (
    id uuid NOT NULL,
    name bytea NOT NULL,
    disabled boolean NOT NULL,
    revoked_until bigint NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.payment_requests (
    id uuid NOT NULL,
    merchant_id uuid NOT NULL,
    environment text NOT NULL,
    details bytea NOT NULL,
    status text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    decided_at bigint,
    CONSTRAINT payment_requests_check CHECK (((status = 'pending'::text) = (decided_at IS NULL))),
    CONSTRAINT payment_requests_environment_check CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
    CONSTRAINT payment_requests_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'approved'::text, 'declined'::text])))
);
CREATE TABLE public.secrets (
    client_id uuid NOT NULL,
    id uuid NOT NULL,
    hash bytea NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    revoked_at bigint,
    CONSTRAINT secrets_hash_check CHECK ((length(hash) = 32))
);
CREATE TABLE public.signing_keys (
    id uuid NOT NULL,
    sealed bytea NOT NULL,
    created_at bigint NOT NULL,
    activates_at bigint NOT NULL,
    retires_at bigint
);
CREATE TABLE public.tollgate_schema (
    id integer NOT NULL,
    version integer NOT NULL,
    oldest integer NOT NULL,
    CONSTRAINT tollgate_schema_id_check CHECK ((id = 1))
);
ALTER TABLE ONLY public.idempotency_keys ATTACH PARTITION public.idempotency_keys_0 FOR VALUES IN ('0');
ALTER TABLE ONLY public.idempotency_keys ATTACH PARTITION public.idempotency_keys_1 FOR VALUES IN ('1');
ALTER TABLE ONLY public.idempotency_keys ATTACH PARTITION public.idempotency_keys_2 FOR VALUES IN ('2');
ALTER TABLE ONLY public.idempotency_keys ATTACH PARTITION public.idempotency_keys_3 FOR VALUES IN ('3');
INSERT INTO public.changes VALUES (1, 'client', 'a9468592-93a0-4758-a78d-0ce90d8a096a', NULL, 1795961756138, 'a83f8590-dd26-4f49-bbba-31b17b73eec3');
INSERT INTO public.changes VALUES (2, 'client', '38823347-7f41-4101-b3eb-d8882a2598c4', NULL, 1795961756194, '16b640ac-f1b7-4edc-8ae5-24b4b772f749');
INSERT INTO public.changes VALUES (3, 'client', '38823347-7f41-4101-b3eb-d8882a2598c4', NULL, 1795961756482, '956b60d8-2c21-4f1e-9e59-9a9d307ff56b');
INSERT INTO public.changes VALUES (4, 'client revoked', '38823347-7f41-4101-b3eb-d8882a2598c4', 1795875357000, 1795961816482, 'a5248bee-7042-4ab3-9bac-d6361a75102b');
INSERT INTO public.clients VALUES ('a9468592-93a0-4758-a78d-0ce90d8a096a', 'f402a23c-9788-4d19-a8c0-452db888f8a0', '\x74696c6c', 'test', 'payments:read payments:write', '', false, 0, 1795875356138);
INSERT INTO public.clients VALUES ('38823347-7f41-4101-b3eb-d8882a2598c4', 'f402a23c-9788-4d19-a8c0-452db888f8a0', '\x676f6e65', 'test', 'payments:read payments:write', '', true, 1795875357000, 1795875356194);
INSERT INTO public.idempotency_keys_1 VALUES ('f402a23c-9788-4d19-a8c0-452db888f8a0', 'test', 'POST /api/v1/payment-requests:redirect', 'key-2', 1, '7a05f1b9-d1be-ed09-0e13-e69d03f98bc1', '\xa0d9adc5da1bf595a80a672c6a6ac366ae23488d3f524b2a3c553a9425462ca5', 1795961775430, 201, '\x7b2273756363657373223a747275652c2264617461223a7b2272656469726563745f75726c223a22687474703a2f2f3132372e302e302e313a31383331312f7061792f39376534616461312d343937372d343238312d626566322d613265653466303634333966227d7d');
INSERT INTO public.installation VALUES (1, '\x57f18a670ebced0bcea512c7efb8ed5218ad3e1a97f6aa15a2bcfe4f472c14f7', 0, 4, '00000000-0000-0000-0000-000000000000');
INSERT INTO public.merchants VALUES ('f402a23c-9788-4d19-a8c0-452db888f8a0', '\x4578616d706c652053686f70', false, 0, 1795875355902);
INSERT INTO public.payment_requests VALUES ('97e4ada1-4977-4281-bef2-a2ee4f06439f', 'f402a23c-9788-4d19-a8c0-452db888f8a0', 'test', '\x7b22637573746f6d6572223a7b226e616d65223a22416461204c6f76656c616365222c22656d61696c223a22616461406578616d706c652e636f6d227d2c2262696c6c696e675f61646472657373223a7b22616464726573735f6c696e6531223a223132205374204a616d657320537175617265222c2263697479223a224c6f6e646f6e222c22706f7374616c5f636f6465223a225357315920344a48222c22636f756e747279223a224742227d2c22616d6f756e74223a313235302c2263757272656e6379223a22455552222c226c6f63616c65223a22656e2d4742222c227061796d656e745f7265666572656e6365223a224b455054222c226f726465725f6964223a226f726465722031227d', 'pending', 1795875375430, 1795876275430, NULL);
INSERT INTO public.secrets VALUES ('a9468592-93a0-4758-a78d-0ce90d8a096a', '18bb5dfe-097c-46de-8280-d58f5d4ace35', '\x12385b74be6f1f303de888a31951c317849873c5191de3ef55facfa7c66eed12', 1795875356138, NULL, NULL);
INSERT INTO public.secrets VALUES ('38823347-7f41-4101-b3eb-d8882a2598c4', '5c1bc29e-293b-4234-9965-c05b08b7d68c', '\xf5bc970230479bd1cf82ee5fe12050033f67e22beda0283198f56f6af4c02ddf', 1795875356194, NULL, NULL);
INSERT INTO public.signing_keys VALUES ('75c79caf-0001-43c1-aca1-083ca6f5ebc1', '\x1572fe7bdc32ecbf7b29a31e275a457722138ca91a1e4f4af755f05641e7c6edbb6c44309f5fd1469986f5a50380cb72462d8f1b6658c3750561253a5d8544f2f2ac008f644dfdfb', 1795875355902, 1795875355902, NULL);
INSERT INTO public.tollgate_schema VALUES (1, 3, 1);
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.clients
    ADD CONSTRAINT clients_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.elected
    ADD CONSTRAINT elected_pkey PRIMARY KEY (office);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (merchant_id, environment, route, key, generation);
ALTER TABLE ONLY public.idempotency_keys_0
    ADD CONSTRAINT idempotency_keys_0_pkey PRIMARY KEY (merchant_id, environment, route, key, generation);
ALTER TABLE ONLY public.idempotency_keys_1
    ADD CONSTRAINT idempotency_keys_1_pkey PRIMARY KEY (merchant_id, environment, route, key, generation);
ALTER TABLE ONLY public.idempotency_keys_2
    ADD CONSTRAINT idempotency_keys_2_pkey PRIMARY KEY (merchant_id, environment, route, key, generation);
ALTER TABLE ONLY public.idempotency_keys_3
    ADD CONSTRAINT idempotency_keys_3_pkey PRIMARY KEY (merchant_id, environment, route, key, generation);
ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.merchants
    ADD CONSTRAINT merchants_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.payment_requests
    ADD CONSTRAINT payment_requests_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT secrets_pkey PRIMARY KEY (client_id, id);
ALTER TABLE ONLY public.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tollgate_schema
    ADD CONSTRAINT tollgate_schema_pkey PRIMARY KEY (id);
CREATE INDEX changes_by_until ON public.changes USING btree (until);
CREATE INDEX clients_by_merchant ON public.clients USING btree (merchant_id, id);
CREATE INDEX idempotency_keys_by_until ON ONLY public.idempotency_keys USING btree (until);
CREATE INDEX idempotency_keys_0_until_idx ON public.idempotency_keys_0 USING btree (until);
CREATE INDEX idempotency_keys_1_until_idx ON public.idempotency_keys_1 USING btree (until);
CREATE INDEX idempotency_keys_2_until_idx ON public.idempotency_keys_2 USING btree (until);
CREATE INDEX idempotency_keys_3_until_idx ON public.idempotency_keys_3 USING btree (until);
CREATE INDEX payment_requests_by_time ON public.payment_requests USING btree (merchant_id, environment, created_at DESC, id DESC);
CREATE INDEX revocations_by_until ON public.changes USING btree (until) WHERE (issued_until IS NOT NULL);
ALTER INDEX public.idempotency_keys_pkey ATTACH PARTITION public.idempotency_keys_0_pkey;
ALTER INDEX public.idempotency_keys_by_until ATTACH PARTITION public.idempotency_keys_0_until_idx;
ALTER INDEX public.idempotency_keys_pkey ATTACH PARTITION public.idempotency_keys_1_pkey;
ALTER INDEX public.idempotency_keys_by_until ATTACH PARTITION public.idempotency_keys_1_until_idx;
ALTER INDEX public.idempotency_keys_pkey ATTACH PARTITION public.idempotency_keys_2_pkey;
ALTER INDEX public.idempotency_keys_by_until ATTACH PARTITION public.idempotency_keys_2_until_idx;
ALTER INDEX public.idempotency_keys_pkey ATTACH PARTITION public.idempotency_keys_3_pkey;
ALTER INDEX public.idempotency_keys_by_until ATTACH PARTITION public.idempotency_keys_3_until_idx;
ALTER TABLE ONLY public.clients
    ADD CONSTRAINT clients_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(id);
ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT secrets_client_id_fkey FOREIGN KEY (client_id) REFERENCES public.clients(id) ON DELETE CASCADE;
