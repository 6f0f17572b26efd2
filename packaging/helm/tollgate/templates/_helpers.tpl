{{- define "tollgate.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tollgate.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tollgate.labels" -}}
{{ include "tollgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "tollgate.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* The configuration, with what is said of the store and of secrets by reference. */}}
{{- define "tollgate.config" -}}
{{- $own := dict
  "listen" "0.0.0.0:8080"
  "admin_listen" "0.0.0.0:9090"
  "admin_allow_remote" true
  "public_url" (required "publicUrl is the https URL that callers use" .Values.publicUrl)
  "trusted_proxies" .Values.trustedProxies
  "master_key" "file:/etc/tollgate/secrets/master.key"
  "database" (dict
    "url" (required "database.url leads to PostgreSQL, without a password" .Values.database.url)
    "password" "file:/etc/tollgate/secrets/database.password")
  "shutdown" (dict "lame_duck" .Values.lameDuck "grace" .Values.grace)
-}}
{{- mergeOverwrite (deepCopy .Values.config) $own | toToml -}}
{{- end -}}

{{/* What every container of the program has. */}}
{{- define "tollgate.container" -}}
image: {{ include "tollgate.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
volumeMounts:
  - { name: config, mountPath: /etc/tollgate/tollgate.toml, subPath: tollgate.toml, readOnly: true }
  - { name: secrets, mountPath: /etc/tollgate/secrets, readOnly: true }
  {{- if .Values.database.caConfigMap }}
  - { name: database-ca, mountPath: /etc/tollgate/database, readOnly: true }
  {{- end }}
{{- end -}}

{{- define "tollgate.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  # The process is in the group that may read the secrets.
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: config
    configMap: { name: {{ include "tollgate.name" . }} }
  - name: secrets
    projected:
      defaultMode: 0440
      sources:
        - secret:
            name: {{ required "masterKey.secretName is the Secret with the master key" .Values.masterKey.secretName }}
            items: [{ key: {{ .Values.masterKey.key }}, path: master.key }]
        - secret:
            name: {{ required "database.passwordSecret.name is the Secret with the password" .Values.database.passwordSecret.name }}
            items: [{ key: {{ .Values.database.passwordSecret.key }}, path: database.password }]
  {{- if .Values.database.caConfigMap }}
  - name: database-ca
    configMap: { name: {{ .Values.database.caConfigMap }} }
  {{- end }}
{{- end -}}
