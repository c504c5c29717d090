{{- /*
The pod of a server: `remora.pod` with (dict "root" $ "of" the values that this pod's kind has "env" further variables
"data" the volume of the data folder "selector" what its own kind is found by).
*/ -}}
{{- define "remora.pod" -}}
{{- $ := .root -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $.Values.serviceAccount }}
serviceAccountName: {{ . | quote }}
{{- end }}
{{- with $.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with $.Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
  {{- if $.Values.unprivilegedPorts }}
  sysctls:
    - name: net.ipv4.ip_unprivileged_port_start
      value: "0"
  {{- end }}
# Longer than the server's own bound for a stop.
terminationGracePeriodSeconds: 60
containers:
  - name: remora
    image: "{{ $.Values.image.repository }}:{{ default $.Chart.AppVersion $.Values.image.tag }}"
    imagePullPolicy: {{ $.Values.image.pullPolicy }}
    ports:
      - name: http
        containerPort: 80
      {{- with $.Values.metricsPort }}
      - name: metrics
        containerPort: {{ . }}
      {{- end }}
    env:
      {{- include "remora.environment" (dict "root" $ "budget" .budget) | nindent 6 }}
      {{- with include "remora.sharedEnvironment" $ }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with .env }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- if and $.Values.s3.secret (or $.Values.s3.artifacts $.Values.s3.layerCache) }}
    envFrom:
      - secretRef:
          name: {{ $.Values.s3.secret }}
    {{- end }}
    securityContext:
      allowPrivilegeEscalation: false
      privileged: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: ["ALL"]
    livenessProbe:
      httpGet:
        path: /healthz
        port: http
      periodSeconds: 20
      timeoutSeconds: 5
    # Not /readyz: it fails while the registry or the database is away, and an ingress without a ready pod answers
    # 503, where devices are to see 504. /readyz is for whoever watches over the server.
    readinessProbe:
      httpGet:
        path: /healthz
        port: http
      periodSeconds: 10
      timeoutSeconds: 5
    resources:
      {{- toYaml .of.resources | nindent 6 }}
    volumeMounts:
      - name: data
        mountPath: /delta-rsync
      - name: certs
        mountPath: /certs
        readOnly: true
      - name: tmp
        mountPath: /tmp
volumes:
  {{- with .data }}
  - name: data
    {{- toYaml . | nindent 4 }}
  {{- end }}
  - name: certs
    projected:
      sources:
        {{- include "remora.certificates" $ | nindent 8 }}
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
{{- with .of.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .of.affinity }}
affinity:
  {{- toYaml .of.affinity | nindent 2 }}
{{- else if .spread }}
# A node that goes takes one of them along where there are several nodes.
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- .selector | nindent 14 }}
{{- end }}
{{- end -}}
